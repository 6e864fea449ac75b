import type { PolicySettings } from "./storm-settings.ts";

/** A short description of a policy: "5 attempts, exponential, full jitter, success budget". */
export function nameOf(policy: Omit<PolicySettings, "name">): string {
  const { adaptiveThrottle, attemptsMax, backoff, budget, circuitBreaker, concurrencyLimit, hedge } = policy;
  const retries = [
    `${attemptsMax} attempts`,
    backoff.kind,
    ...("jitter" in backoff || backoff.kind !== "decorrelated" ? [jitterName(backoff)] : []),
    budget.kind === "none" ? "no budget" : `${budget.kind} budget`,
  ];
  return [
    ...(attemptsMax === 1 ? ["no retries"] : retries),
    ...(circuitBreaker === undefined ? [] : ["breaker"]),
    ...(adaptiveThrottle === undefined ? [] : ["throttle"]),
    ...(concurrencyLimit === undefined ? [] : ["limit"]),
    ...(hedge === undefined ? [] : ["hedged"]),
  ].join(", ");
}

const jitterName = (backoff: PolicySettings["backoff"]): string =>
  "jitter" in backoff && backoff.jitter === "none"
    ? "no jitter"
    : `${("jitter" in backoff ? backoff.jitter : undefined) ?? "full"} jitter`;
