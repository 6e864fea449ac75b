import type { Clock } from "../core/clock.ts";
import { awsBudget, finagleBudget, grpcBudget, successBudget } from "../retry/budgets/index.ts";
import {
  type Backoff,
  boundedJitter,
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
} from "../retry/index.ts";
import type { BackoffSettings, BudgetSettings } from "./policy-options.ts";

/**
 * The backoff that settings stand for.
 *
 * @throws OnceAgainError `ONCE_OPTION_INVALID` for a value out of bounds.
 */
export function backoffOf(settings: BackoffSettings): Backoff {
  switch (settings.kind) {
    case "exponential":
      return exponentialBackoff({ ...settings, jitter: jitterOf(settings) });
    case "linear":
      return linearBackoff({ ...settings, jitter: jitterOf(settings) });
    case "fibonacci":
      return fibonacciBackoff({ ...settings, jitter: jitterOf(settings) });
    case "constant":
      return constantBackoff({ ...settings, jitter: jitterOf(settings) });
    case "decorrelated":
      return decorrelatedBackoff(settings);
  }
}

function jitterOf({ jitter = "full", jitterRatio }: Exclude<BackoffSettings, { kind: "decorrelated" }>): Jitter {
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
export function budgetOf(settings: BudgetSettings, clock: Clock): RetryBudget | undefined {
  switch (settings.kind) {
    case "none":
      return undefined;
    case "success":
      return successBudget(settings);
    case "grpc":
      return grpcBudget(settings);
    case "aws":
      return awsBudget(settings);
    case "finagle":
      return finagleBudget({ ...settings, clock });
  }
}
