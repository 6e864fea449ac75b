import { invalidOptionError } from "once-again/internal";
import type { BackoffSettings, PolicyOptions } from "./policy-options.ts";

type Variation = (policy: PolicyOptions) => PolicyOptions;

const withBudget =
  (kind: NonNullable<PolicyOptions["budget"]>["kind"]): Variation =>
  (policy) => ({ ...policy, budget: { kind } });

const withJitter =
  (name: "full" | "equal" | "bounded" | "none"): Variation =>
  (policy) => {
    const { backoff = { kind: "exponential" } } = policy;
    if (backoff.kind === "decorrelated")
      throw invalidOptionError("jitter", "left out: decorrelated backoff has its own", name);
    return { ...policy, backoff: { ...backoff, jitter: name } };
  };

/** Another law of growth over the same range. */
const withBackoff =
  (kind: "exponential" | "linear" | "fibonacci" | "decorrelated"): Variation =>
  (policy) => {
    const backoff: BackoffSettings = policy.backoff ?? { kind };
    if (backoff.kind === "constant") return { ...policy, backoff: { kind, baseMs: Math.max(1, backoff.delayMs) } };
    const { baseMs, capMs } = backoff;
    const range = { ...(baseMs !== undefined && { baseMs }), ...(capMs !== undefined && { capMs }) };
    const spread = "jitter" in backoff && kind !== "decorrelated" ? { jitter: backoff.jitter } : {};
    return { ...policy, backoff: { kind, ...range, ...spread } };
  };

const variations: Readonly<Record<string, Variation>> = {
  "as-is": (policy) => policy,
  "no-retries": (policy) => ({ ...policy, attemptsMax: 1 }),
  exponential: withBackoff("exponential"),
  linear: withBackoff("linear"),
  fibonacci: withBackoff("fibonacci"),
  decorrelated: withBackoff("decorrelated"),
  "full-jitter": withJitter("full"),
  "equal-jitter": withJitter("equal"),
  "bounded-jitter": withJitter("bounded"),
  "no-jitter": withJitter("none"),
  "no-budget": withBudget("none"),
  "success-budget": withBudget("success"),
  "grpc-budget": withBudget("grpc"),
  "aws-budget": withBudget("aws"),
  "finagle-budget": withBudget("finagle"),
  breaker: (policy) => ({ ...policy, circuitBreaker: {} }),
  throttle: (policy) => ({ ...policy, adaptiveThrottle: {} }),
  limit: (policy) => ({ ...policy, concurrencyLimit: { runningMax: 100 } }),
  hedge: (policy) => ({ ...policy, hedge: { delayMs: "p95" } }),
};

/** The parts of a policy that can be varied, for comparisons. */
export const variationNames: readonly string[] = Object.keys(variations);

/**
 * A policy with some of its parts replaced by their defaults: `no-jitter`, or several at once, `breaker+no-budget`. It
 * is named so.
 *
 * @throws OnceAgainError `ONCE_OPTION_INVALID` for a name that `variationNames` does not have.
 */
export function varyPolicy(policy: PolicyOptions, name: string): PolicyOptions {
  let result = policy;
  for (const part of name.split("+")) {
    const variation = Object.hasOwn(variations, part) ? variations[part] : undefined;
    if (variation === undefined)
      throw invalidOptionError("a policy to compare", `of ${variationNames.join(", ")}`, part);
    result = variation(result);
  }
  return { ...result, name };
}
