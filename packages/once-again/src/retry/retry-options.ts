import type { Clock } from "../core/clock.ts";
import type { Listener } from "../core/listener.ts";
import { checkNames, type OptionNames } from "../core/option-names.ts";
import { checkClock, checkFunction, checkMethod, checkNumber, fromOne, wholeFromOne } from "../core/options.ts";
import { type Random, systemRandom } from "../core/random.ts";
import { systemClock } from "../core/system-clock.ts";
import { type Backoff, exponential } from "./backoff.ts";
import { type Decide, decideByDefault } from "./decision.ts";
import type { RetryBudget } from "./budgets/budget.ts";
import type { RetryEvent } from "./retry-event.ts";

/** How a call is tried again. */
export interface RetryOptions<T> {
  /** The most attempts, the first one included: a whole number of at least 1, default 5. */
  readonly attemptsMax?: number | undefined;
  /** How long to wait before each retry; default {@link exponentialBackoff}: up to 1, 2, 4, 8 s, at least half of it. */
  readonly backoff?: Backoff | undefined;
  /**
   * How long the whole call may take, in milliseconds, waits included: at least 1, default none. It cuts a running
   * attempt as a time-out does, and no wait is begun that would not end before it.
   */
  readonly timeoutMs?: number | undefined;
  /** How long one attempt may take, in milliseconds: at least 1, default none. */
  readonly attemptTimeoutMs?: number | undefined;
  /** Ends the call at once, in an attempt or in a wait, with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
  /** The budget that pays for retries; share one among all calls to the same place. Default none: retries are free. */
  readonly budget?: RetryBudget | undefined;
  /** Decides what follows each attempt; default: a value is the result, an error is tried again. */
  readonly decide?: Decide<T> | undefined;
  /** Called with each event. What it throws is dropped. */
  readonly onEvent?: Listener<RetryEvent> | undefined;
  /** Where time comes from; default the machine's clock. */
  readonly clock?: Clock | undefined;
  /** Where chance comes from; default the machine's. */
  readonly random?: Random | undefined;
}

/** The options, checked, with every default filled in. */
export interface RetryPolicy<T> {
  readonly attemptsMax: number;
  readonly backoff: Backoff;
  readonly timeoutMs: number | undefined;
  readonly attemptTimeoutMs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  /** The value of `Attempt.repeatable`, for the attempt that begins; missing: it has none. */
  readonly repeats?: { readonly areSafe: boolean } | undefined;
  readonly budget?: RetryBudget | undefined;
  readonly decide: Decide<T>;
  /** Whether every value is the result, and nothing is to be done with it; missing: the outcome is looked at. */
  readonly takesAnyValue?: boolean | undefined;
  readonly onEvent?: Listener<RetryEvent> | undefined;
  readonly clock: Clock;
  readonly random: Random;
}

export const defaultAttemptsMax = 5;
export const defaultBackoff = exponential({});

const names: OptionNames<RetryOptions<never>> = {
  attemptsMax: true,
  backoff: true,
  timeoutMs: true,
  attemptTimeoutMs: true,
  signal: true,
  budget: true,
  decide: true,
  onEvent: true,
  clock: true,
  random: true,
};

/** @throws OnceAgainError `ONCE_OPTION_INVALID` for a number out of bounds, and for anything but a function, signal, budget or clock. */
export function retryPolicy<T>(options: RetryOptions<T>): RetryPolicy<T> {
  if (!hasKnownNames(options)) checkNames("retry", options, names);
  const { attemptTimeoutMs, timeoutMs } = options;
  const budget = checkBudget(options.budget);
  const decide = checkFunction("decide", options.decide);
  const onEvent = checkFunction("onEvent", options.onEvent);
  return {
    attemptsMax: checkNumber("attemptsMax", options.attemptsMax ?? defaultAttemptsMax, wholeFromOne),
    backoff: checkFunction("backoff", options.backoff) ?? defaultBackoff,
    timeoutMs: checkMs("timeoutMs", timeoutMs),
    attemptTimeoutMs: checkMs("attemptTimeoutMs", attemptTimeoutMs),
    signal: checkMethod("signal", "an AbortSignal", options.signal ?? undefined, "throwIfAborted"),
    repeats: undefined,
    budget,
    decide: decide ?? decideByDefault,
    takesAnyValue: (decide ?? budget ?? onEvent) === undefined,
    onEvent,
    clock: checkClock(options.clock) ?? systemClock,
    random: checkFunction("random", options.random) ?? systemRandom,
  };
}

/** @throws OnceAgainError `ONCE_OPTION_INVALID` for anything but a budget, or nothing. */
export function checkBudget<Given>(budget: Given): Given {
  return checkMethod("budget", "a RetryBudget", budget, "tryTake");
}

function checkMs(name: string, value: number | undefined): number | undefined {
  return value === undefined ? undefined : checkNumber(name, value, fromOne);
}

/** Whether every name is one of `names`: a call of `retry` with separate options has no time for look-ups in an object. */
function hasKnownNames(options: object): boolean {
  if (typeof options !== "object" || options === null) return false;
  for (const option in options) {
    const name = option as keyof RetryOptions<never>;
    switch (name) {
      case "attemptsMax":
      case "backoff":
      case "timeoutMs":
      case "attemptTimeoutMs":
      case "signal":
      case "budget":
      case "decide":
      case "onEvent":
      case "clock":
      case "random":
        continue;
      default:
        name satisfies never;
        return false;
    }
  }
  return true;
}
