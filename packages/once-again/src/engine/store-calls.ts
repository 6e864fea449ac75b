import { answerBefore } from "../core/deadline-timer.ts";
import { type Awaitable, isPromise } from "../core/awaitable.ts";
import { notify } from "../core/events.ts";
import { equalJitter, exponentialBackoff } from "../retry/index.ts";
import { runRetry } from "../retry/retry.ts";
import { retryPolicy } from "../retry/retry-options.ts";
import { resultUnconfirmedError, type StoreOperation, storeUnavailableError } from "./engine.ts";
import { storeLateError } from "../core/store-late-error.ts";
import type { CheckedEngineOptions } from "./options.ts";

/**
 * Asks the store for one operation of the port, again when it fails: every one is idempotent for its owner.
 *
 * @param whenFailed is called when it has failed for good, before the error is thrown.
 */
export type CallStore = <Answer>(
  operation: StoreOperation,
  name: { scope: string; key: string | undefined },
  ask: () => Awaitable<Answer>,
  whenFailed?: () => void,
) => Awaitable<Answer>;

/** Operations before the work: when one fails, nothing happened. */
const beforeTheWork: ReadonlySet<StoreOperation> = new Set(["claim", "purge"]);

/** How often an operation is asked for; the second time settles a lost acknowledgement. */
const attemptsMax = 2;

/** Operations that keep what already happened: worth asking for as long as there is time. */
const untilTimeIsOver: ReadonlySet<StoreOperation> = new Set(["complete", "release", "checkpoint"]);

/**
 * @returns a caller that answers at once where the store does. It throws when the store failed twice, or, where it is
 *   about what already happened, again and again; and when it did not answer within `storeMsMax`. Whether the operation
 *   was executed is then unknown. It throws `ONCE_STORE_UNAVAILABLE` for what comes before the work, and
 *   `ONCE_RESULT_UNCONFIRMED` for all others.
 */
export function storeCalls({ clock, deadlines, random, storeMsMax, onEvent }: CheckedEngineOptions): CallStore {
  const backoff = exponentialBackoff({ baseMs: 20, capMs: 500, jitter: equalJitter() });

  /** After the first answer failed, for as long as there is time. */
  const askAgain = <Answer>(
    operation: StoreOperation,
    ask: () => Awaitable<Answer>,
    failed: Promise<Answer>,
    deadlineMs: number,
  ): Promise<Answer> => {
    const attempts = untilTimeIsOver.has(operation) ? Number.MAX_SAFE_INTEGER : attemptsMax;
    const policy = retryPolicy<Answer>({ attemptsMax: attempts, backoff, deadlineMs, clock, random });
    return runRetry(({ number }) => (number === 1 ? failed : ask()), policy);
  };
  return (operation, { scope, key }, ask, whenFailed) => {
    const answer = rejectIfThrows(ask);
    if (!isPromise(answer)) {
      if (onEvent !== undefined) notify(onEvent, { type: "store-answered", scope, key, operation, elapsedMs: 0 });
      return answer;
    }
    const startedAt = clock.monotonic();
    const answered = <Answer>(value: Answer): Answer => {
      if (onEvent === undefined) return value;
      const elapsedMs = clock.monotonic() - startedAt;
      notify(onEvent, { type: "store-answered", scope, key, operation, elapsedMs });
      return value;
    };
    const failed = (error: unknown): never => {
      notify(onEvent, { type: "store-failed", scope, key, operation, error });
      whenFailed?.();
      throw beforeTheWork.has(operation) ? storeUnavailableError(error) : resultUnconfirmedError(error);
    };
    return answerBefore(deadlines.store, storeMsMax, answer, storeLateError).then(answered, (error: unknown) => {
      const leftMs = startedAt + storeMsMax - clock.monotonic();
      return leftMs < 1 ? failed(error) : askAgain(operation, ask, answer, leftMs).then(answered, failed);
    });
  };
}

/** A call that throws at once has failed like one that rejects. */
export function rejectIfThrows<Answer>(ask: () => Awaitable<Answer>): Awaitable<Answer> {
  try {
    return ask();
  } catch (error) {
    return Promise.reject(error);
  }
}
