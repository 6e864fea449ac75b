import { OnceAgainError } from "../core/errors.ts";
import { notify } from "../core/events.ts";
import { equalJitter, exponentialBackoff } from "../retry/index.ts";
import { runRetry } from "../retry/retry.ts";
import { type RetryPolicy, retryPolicy } from "../retry/retry-options.ts";
import type { CheckedEngineOptions } from "./options.ts";
import type { StoreOperation } from "./server-event.ts";

/** Asks the store for one operation of the port, again when it fails: every one is idempotent for its owner. */
export type CallStore = <Answer>(
  operation: StoreOperation,
  name: { scope: string; key: string | undefined },
  call: () => Promise<Answer>,
) => Promise<Answer>;

/** What comes before the work: when it fails, nothing happened. */
const beforeTheWork: ReadonlySet<StoreOperation> = new Set(["claim", "purge"]);

/** How often an operation is asked for; the second time settles a lost acknowledgement. */
const attemptsMax = 2;

/** Operations that keep what already happened: worth asking for as long as there is time. */
const untilTimeIsOver: ReadonlySet<StoreOperation> = new Set(["complete", "release", "checkpoint"]);

/**
 * @returns a caller that throws when the store failed twice, or, where it is about what already happened, again and
 *   again; and when it did not answer within `storeMsMax`. Whether the operation was carried out is then unknown. It
 *   throws `ONCE_STORE_UNAVAILABLE` for what comes before the work, and `ONCE_RESULT_UNCONFIRMED` for all others.
 */
export function storeCalls({ clocks, random, storeMsMax, onEvent }: CheckedEngineOptions): CallStore {
  const clock = clocks.store;
  const backoff = exponentialBackoff({ baseMs: 20, capMs: 500, jitter: equalJitter() });
  const policyOf = (attempts: number): RetryPolicy<unknown> =>
    retryPolicy({ attemptsMax: attempts, backoff, deadlineMs: storeMsMax, clock, random });
  const [twice, untilOver] = [policyOf(attemptsMax), policyOf(Number.MAX_SAFE_INTEGER)];
  return async (operation, { scope, key }, call) => {
    const startedAt = clock.monotonic();
    try {
      const answer = await runRetry(call, untilTimeIsOver.has(operation) ? untilOver : twice);
      notify(onEvent, { type: "store-answered", scope, key, operation, elapsedMs: clock.monotonic() - startedAt });
      return answer;
    } catch (error) {
      notify(onEvent, { type: "store-failed", scope, key, operation, error });
      throw beforeTheWork.has(operation) ? storeUnavailable(error) : resultUnconfirmed(error);
    }
  };
}

/** @returns a caller that asks once, waits no longer than `storeMsMax`, and throws what came of it as it is. */
export function singleCalls({ clocks, storeMsMax, random }: CheckedEngineOptions) {
  const policy: RetryPolicy<unknown> = retryPolicy({
    attemptsMax: 1,
    deadlineMs: storeMsMax,
    clock: clocks.store,
    random,
  });
  return <Answer>(call: () => Promise<Answer>): Promise<Answer> => runRetry(call, policy as RetryPolicy<Answer>);
}

/** The error for a store that failed before the work ran; its own error is the cause. */
export function storeUnavailable(cause: unknown): OnceAgainError {
  return new OnceAgainError(
    "ONCE_STORE_UNAVAILABLE",
    "The store of idempotency keys does not answer. Send the request again later, with the same key.",
    { cause },
  );
}

/** The error for a store that failed after the work ran, which may have had its effect; its own error is the cause. */
export function resultUnconfirmed(cause: unknown): OnceAgainError {
  return new OnceAgainError(
    "ONCE_RESULT_UNCONFIRMED",
    "The operation may have been carried out, but the store did not confirm its result. Send the request again with the " +
      "same key to learn its outcome; without a key, look the effect up.",
    { cause },
  );
}
