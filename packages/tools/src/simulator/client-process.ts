import {
  type BreakerState,
  breakerState,
  circuitBreakerSettings,
  concurrencySettings,
  type ConcurrencyState,
  concurrencyState,
  type HedgeRule,
  hedgeRule,
  throttleSettings,
  type ThrottleState,
  throttleState,
} from "once-again/internal";
import type { Backoff, Random, RetryBudget } from "once-again";
import { makeBackoff, makeBudget } from "./policy/policy-parts.ts";
import type { PolicySettings } from "./policy/policy-settings.ts";
import type { World } from "./world.ts";

/**
 * The parts that the callers of one process share: the rules of `once-again/layers` and the budget, each with its memory.
 * Calls wait in the line.
 */
export interface ClientProcess {
  readonly attemptsMax: number;
  readonly attemptTimeoutMs: number;
  readonly timeoutMs: number | undefined;
  readonly backoff: Backoff;
  readonly budget: RetryBudget | undefined;
  readonly random: Random;
  readonly breaker:
    | { readonly state: BreakerState; readonly probeTimeoutMs: number; readonly line: Set<number> }
    | undefined;
  readonly throttle: ThrottleState | undefined;
  readonly limit: { readonly state: ConcurrencyState; readonly line: Set<number> } | undefined;
  readonly hedge: HedgeRule | undefined;
}

/** @throws OnceAgainError `ONCE_OPTION_INVALID` for a setting out of bounds. */
export function clientProcess(
  settings: PolicySettings,
  { clock, random }: Pick<World, "clock" | "random">,
): ClientProcess {
  const { circuitBreaker, adaptiveThrottle, concurrencyLimit, hedge } = settings;
  return {
    attemptsMax: settings.attemptsMax,
    attemptTimeoutMs: settings.attemptTimeoutMs,
    timeoutMs: settings.timeoutMs,
    backoff: makeBackoff(settings.backoff),
    budget: makeBudget(settings.budget, clock),
    random: random.policy,
    breaker: circuitBreaker && makeBreaker({ ...circuitBreaker, clock }),
    throttle:
      adaptiveThrottle && throttleState(throttleSettings({ ...adaptiveThrottle, clock, random: random.policy })),
    limit: concurrencyLimit && { state: concurrencyState(concurrencySettings(concurrencyLimit)), line: new Set() },
    hedge: hedge && hedgeRule(hedge),
  };
}

function makeBreaker(options: Parameters<typeof circuitBreakerSettings>[0]): ClientProcess["breaker"] {
  const settings = circuitBreakerSettings(options);
  return { state: breakerState(settings), probeTimeoutMs: settings.probeTimeoutMs, line: new Set() };
}
