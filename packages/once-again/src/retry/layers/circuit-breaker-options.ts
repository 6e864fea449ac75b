import type { Clock } from "../../core/clock.ts";
import type { Listener } from "../../core/listener.ts";
import { checkNames, type OptionNames } from "../../core/option-names.ts";
import { checkClock, checkFunction, checkNumber, invalidOptionError } from "../../core/options.ts";
import { systemClock } from "../../core/system-clock.ts";
import { guardIsFailure, type IsFailure, isFailureByDefault } from "./failure-predicate.ts";

/** The changes of a circuit breaker that `onEvent` reports. */
export type CircuitEvent =
  /** `why`: too many of the window's calls failed, or a probe did. It stays open for `openMs` milliseconds. */
  | { readonly type: "opened"; readonly why: "failures" | "probe"; readonly openMs: number }
  /** A probe goes through. */
  | { readonly type: "half-opened" }
  /** A probe succeeded, or it was released. */
  | { readonly type: "closed" }
  | { readonly type: "isolated" };

/** When a circuit breaker opens, and how it closes again. */
export interface CircuitBreakerOptions {
  /**
   * Which outcomes it remembers: the last `calls` (1 to 10,000), or those of the last `lengthMs` milliseconds (at
   * least 10). Default the last 30,000 ms.
   */
  readonly window?: { readonly calls: number } | { readonly lengthMs: number } | undefined;
  /** It opens when this share of the window's calls has failed: over 0, to 1; default 0.5. */
  readonly failureRatio?: number | undefined;
  /** It does not open on fewer calls than this: a whole number of at least 1, default 10. */
  readonly callsMin?: number | undefined;
  /** How long it stays open before a probe may go through, in milliseconds: at least 1, default 10,000. */
  readonly openMs?: number | undefined;
  /** A probe that takes longer is cut and has failed, in milliseconds: at least 1, default 10,000. */
  readonly probeTimeoutMs?: number | undefined;
  /** The most calls that wait for a probe's outcome; more are refused: a whole number, default 10. */
  readonly waitersMax?: number | undefined;
  /**
   * Decides which outcomes count against the server; default: an error, or an HTTP status of 429 or from 500 on. If it throws,
   * the outcome counts too.
   */
  readonly isFailure?: IsFailure | undefined;
  /** Called when it opens or closes. What it throws is dropped. */
  readonly onEvent?: Listener<CircuitEvent> | undefined;
  /** Where time comes from; default the machine's clock. */
  readonly clock?: Clock | undefined;
}

/** The options, checked, with every default filled in. */
export type CircuitBreakerSettings = ReturnType<typeof circuitBreakerSettings>;

const names: OptionNames<CircuitBreakerOptions> = {
  window: true,
  failureRatio: true,
  callsMin: true,
  openMs: true,
  probeTimeoutMs: true,
  waitersMax: true,
  isFailure: "function",
  onEvent: true,
  clock: true,
};

/** @throws OnceAgainError `ONCE_OPTION_INVALID` for an option out of bounds. */
export function circuitBreakerSettings(options: CircuitBreakerOptions) {
  checkNames("circuitBreaker", options, names);
  const window = options.window ?? { lengthMs: 30_000 };
  if (typeof window !== "object") throw invalidOptionError("window", "{ calls } or { lengthMs }", window);
  if ("calls" in window) checkNumber("window.calls", window.calls, { min: 1, max: 10_000, integer: true });
  else checkNumber("window.lengthMs", window.lengthMs, { min: 10 });
  const callsMax = "calls" in window ? { max: window.calls } : undefined;
  const callsMin = options.callsMin ?? Math.min(10, callsMax?.max ?? 10);
  return Object.freeze({
    window,
    failureRatio: checkRatio(options.failureRatio ?? 0.5),
    callsMin: checkNumber("callsMin", callsMin, { min: 1, integer: true, ...callsMax }),
    openMs: checkNumber("openMs", options.openMs ?? 10_000, { min: 1 }),
    probeTimeoutMs: checkNumber("probeTimeoutMs", options.probeTimeoutMs ?? 10_000, { min: 1 }),
    waitersMax: checkNumber("waitersMax", options.waitersMax ?? 10, { min: 0, integer: true }),
    isFailure: guardIsFailure(options.isFailure ?? isFailureByDefault),
    onEvent: checkFunction("onEvent", options.onEvent),
    clock: checkClock(options.clock) ?? systemClock,
  });
}

function checkRatio(ratio: number): number {
  if (typeof ratio === "number" && ratio > 0 && ratio <= 1) return ratio;
  throw invalidOptionError("failureRatio", "a number of more than 0, up to 1", ratio);
}
