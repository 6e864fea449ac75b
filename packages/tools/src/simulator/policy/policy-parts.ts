import {
  type Backoff,
  boundedJitter,
  type Clock,
  constantBackoff,
  decorrelatedBackoff,
  equalJitter,
  exponentialBackoff,
  fibonacciBackoff,
  fullJitter,
  type Jitter,
  linearBackoff,
  noJitter,
  type RetryBudget,
} from "once-again";
import { awsBudget, finagleBudget, grpcBudget, successBudget } from "once-again/budgets";
import type { BudgetSettings } from "./policy-options.ts";
import type { JitteredBackoff } from "./policy-settings.ts";

/**
 * The backoff that settings stand for.
 *
 * @throws OnceAgainError `ONCE_OPTION_INVALID` for a value out of bounds.
 */
export function makeBackoff(settings: JitteredBackoff): Backoff {
  switch (settings.kind) {
    case "exponential":
      return exponentialBackoff({ ...omit(settings, "kind", "jitterRatio"), jitter: makeJitter(settings) });
    case "linear":
      return linearBackoff({ ...omit(settings, "kind", "jitterRatio", "factor"), jitter: makeJitter(settings) });
    case "fibonacci":
      return fibonacciBackoff({ ...omit(settings, "kind", "jitterRatio", "factor"), jitter: makeJitter(settings) });
    case "constant":
      return constantBackoff({ ...omit(settings, "kind", "jitterRatio"), jitter: makeJitter(settings) });
    case "decorrelated":
      return decorrelatedBackoff(omit(settings, "kind"));
  }
}

function makeJitter({ jitter, jitterRatio }: Exclude<JitteredBackoff, { kind: "decorrelated" }>): Jitter {
  switch (jitter) {
    case "full":
      return fullJitter();
    case "equal":
      return equalJitter();
    case "bounded":
      return boundedJitter(jitterRatio === undefined ? {} : { ratio: jitterRatio });
    case "none":
      return noJitter();
  }
}

/**
 * A new budget of those settings; `undefined` where retries are free.
 *
 * @throws OnceAgainError `ONCE_OPTION_INVALID` for a value out of bounds.
 */
export function makeBudget(settings: BudgetSettings, clock: Clock): RetryBudget | undefined {
  switch (settings.kind) {
    case "none":
      return undefined;
    case "success":
      return successBudget(omit(settings, "kind"));
    case "grpc":
      return grpcBudget(omit(settings, "kind"));
    case "aws":
      return awsBudget(omit(settings, "kind"));
    case "finagle":
      return finagleBudget({ ...omit(settings, "kind"), clock });
  }
}

/** Settings without what is not for the function that they are given to, which refuses names that it does not know. */
function omit<Settings extends object, Name extends PropertyKey>(
  settings: Settings,
  ...names: Name[]
): Omit<Settings, Name> {
  const left = Object.entries(settings).filter(([name]) => !(names as PropertyKey[]).includes(name));
  return Object.fromEntries(left) as Omit<Settings, Name>;
}
