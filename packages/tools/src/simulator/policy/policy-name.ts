import type { PolicySettings } from "./policy-settings.ts";

/** A short description of a policy: "5 attempts, exponential, equal jitter, success budget". */
export function describePolicy(policy: Omit<PolicySettings, "name">): string {
  const { adaptiveThrottle, attemptsMax, backoff, budget, circuitBreaker, concurrencyLimit, hedge } = policy;
  const retries = [
    `${attemptsMax} attempts`,
    backoff.kind,
    ...(backoff.kind === "decorrelated" ? [] : [`${backoff.jitter === "none" ? "no" : backoff.jitter} jitter`]),
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
