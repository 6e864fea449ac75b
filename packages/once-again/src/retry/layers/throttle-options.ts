import type { Clock } from "../../core/clock.ts";
import { checkNames, type OptionNames } from "../../core/option-names.ts";
import { checkClock, checkNumber } from "../../core/options.ts";
import { type Random, systemRandom } from "../../core/random.ts";
import { systemClock } from "../../core/system-clock.ts";
import type { IsFailure } from "./failure-predicate.ts";

/** How eagerly a throttle holds calls back. */
export interface AdaptiveThrottleOptions {
  /**
   * K: how many requests are let through for each that the server accepts: 1 to 1,000, default 2. Less spares the
   * server more; more notices sooner that it has recovered.
   */
  readonly requestsPerAccept?: number | undefined;
  /** How far back it counts, in milliseconds: at least 10, default 120,000. */
  readonly windowMs?: number | undefined;
  /**
   * Decides which outcomes the server did not accept; default: an error, or an HTTP status of 429 or from 500 on. If it throws,
   * the outcome counts too.
   */
  readonly isFailure?: IsFailure | undefined;
  /** Where time comes from; default the machine's clock. */
  readonly clock?: Clock | undefined;
  /** Where chance comes from; default the machine's. */
  readonly random?: Random | undefined;
}

/** The options, checked, with every default filled in. */
export type ThrottleSettings = Readonly<{ requestsPerAccept: number; windowMs: number; clock: Clock; random: Random }>;

const names: OptionNames<AdaptiveThrottleOptions> = {
  requestsPerAccept: true,
  windowMs: true,
  isFailure: "function",
  clock: true,
  random: "function",
};

/** @throws OnceAgainError `ONCE_OPTION_INVALID` for an option out of bounds. */
export function throttleSettings(options: Omit<AdaptiveThrottleOptions, "isFailure">): ThrottleSettings {
  checkNames("adaptiveThrottle", options, names);
  return Object.freeze({
    requestsPerAccept: checkNumber("requestsPerAccept", options.requestsPerAccept ?? 2, { min: 1, max: 1000 }),
    windowMs: checkNumber("windowMs", options.windowMs ?? 120_000, { min: 10 }),
    clock: checkClock(options.clock) ?? systemClock,
    random: options.random ?? systemRandom,
  });
}
