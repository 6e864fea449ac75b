import { checkMethod, requireFunction } from "../core/options.ts";
import { type Attempt, eitherSignal, type Operation, type Outcome, firstAttempt } from "./attempt.ts";
import type { Decision } from "./decision.ts";
import { type RetryOptions, retryPolicy } from "./retry-options.ts";
import { runRetry } from "./retry.ts";

/** Stands before an operation: takes it, and returns one that does more, or less. `next => next` does nothing. */
export type Layer<T> = (next: Operation<T>) => Operation<T>;

/** A layer that fits any operation, whatever its value. One instance may stand before several operations. */
export type AnyLayer = <T>(next: Operation<T>) => Operation<T>;

/**
 * Makes one layer of several. They read from outside in: the first is met first by a call and last by its outcome.
 *
 * @example
 * ```ts
 * // Retries each refusal of the breaker, and the breaker does not see the retries.
 * const layer = compose(retrying({ attemptsMax: 3 }), circuitBreaker(), concurrencyLimit({ runningMax: 10 }));
 * ```
 * @throws OnceAgainError `ONCE_OPTION_INVALID` for a layer that is no function.
 */
export function compose(...layers: readonly AnyLayer[]): AnyLayer;
export function compose<T>(...layers: ReadonlyArray<Layer<T>>): Layer<T>;
export function compose<T>(...layers: ReadonlyArray<Layer<T>>): Layer<T> {
  for (const layer of layers) requireFunction("layers", "functions, such as circuitBreaker()", layer);
  return (operation) => layers.reduceRight((next, layer) => layer(next), operation);
}

/**
 * `retry` as a layer. An attempt around it bounds it: its abort ends the retries, and so does the end of its time. One
 * that says that it is not `repeatable` is made once, and what fails is thrown as it is.
 *
 * @throws OnceAgainError `ONCE_OPTION_INVALID` for an option out of bounds.
 */
export function retrying<T>(options: RetryOptions<T> = {}): Layer<T> {
  const policy = retryPolicy(options);
  return (next) => (outer) => {
    const { remainingMs, repeatable, signal } = outer;
    return runRetry(next, {
      ...policy,
      ...(repeatable === false ? { decide: decideOnce } : undefined),
      repeats: repeatable === undefined ? undefined : { areSafe: repeatable },
      signal: eitherSignal(policy.signal, signal),
      timeoutMs: earlier(policy.timeoutMs, remainingMs),
    });
  };
}

/**
 * Runs an operation with the layers before it, from the outside: `run(compose(...)(operation))`.
 * `run(retrying(options)(operation))` is `retry(operation, options)`.
 *
 * @param signal ends it, if its layers and the operation heed their signal.
 * @throws OnceAgainError `ONCE_OPTION_INVALID` for an operation that is no function, and for what is no signal.
 *
 * @example
 * ```ts
 * const guarded = compose(retrying(), circuitBreaker(), concurrencyLimit({ runningMax: 5 }));
 * const report = await run(guarded(({ signal }) => buildReport(signal)));
 * ```
 */
export async function run<T>(operation: Operation<T>, signal?: AbortSignal): Promise<T> {
  requireFunction("operation", "a function, such as () => fetch(url)", operation);
  checkMethod("signal", "an AbortSignal", signal, "throwIfAborted");
  signal?.throwIfAborted();
  const first: Attempt = signal === undefined ? firstAttempt() : { number: 1, remainingMs: undefined, signal };
  return operation(first);
}

function decideOnce(outcome: Outcome<unknown>): Decision {
  return "value" in outcome ? { action: "done" } : { action: "stop", why: "unsafe" };
}

function earlier(one: number | undefined, other: number | undefined): number | undefined {
  return one === undefined || other === undefined ? (one ?? other) : Math.min(one, other);
}
