import type { Clock } from "../core/clock.ts";
import { isPromise } from "../core/awaitable.ts";
import { DeadlineTimer } from "../core/deadline-timer.ts";
import { invalidOptionError } from "../core/options.ts";
import type { ReleaseRequest } from "../stores/store.ts";
import { type BoundedStore, openBoundedStore } from "./bounded-store.ts";
import type { OnceOperation, Outcome, Work } from "./engine.ts";
import { expiryPurge } from "./expiry-purge.ts";
import { claim, type LeasedContext } from "./leased-engine.ts";
import {
  type CheckedEngineOptions,
  checkEngineOptions,
  checkLeasedStore,
  engineOptionsOf,
  type LeasedMode,
} from "./options.ts";
import { drawRetryAfterMs, retryAfterRange } from "./retry-after.ts";
import { closedError, type RunningOperations } from "./running-operations.ts";
import { notifyReceived } from "./server-event.ts";

/**
 * An engine for attempts that outlive their process, as a durable execution of AWS Lambda does: it is suspended, and goes on in
 * another process, which runs its work from the beginning. An owner claims by the same token each time, so that the store takes it
 * for the one that has the key. Work that is suspended never ends here: nothing waits for it, renews for it, or remembers it.
 */
export interface DurableEngine {
  /**
   * Runs the work of one operation, unless it ran before, or is another owner's.
   *
   * @param owner the token of the attempt, 1 to 255 characters, the same in each process.
   * @throws OnceAgainError as an engine does. After `ONCE_STORE_UNAVAILABLE` and `ONCE_RESULT_UNCONFIRMED` the owner has to run
   *   once more: it may have the key, and nothing gives it back behind its back.
   */
  run<Value>(operation: OnceOperation<Value>, owner: string, work: Work<undefined, Value>): Promise<Outcome<Value>>;
  /** Reads a record. Rejects with `ONCE_STORE_UNAVAILABLE`. */
  readonly lookUp: BoundedStore["lookUp"];
  /** Draws when a caller that is turned away shall come back, milliseconds. */
  readonly retryAfterMs: (leastMs: number) => number;
  /** Ends the lease of an owner that will not go on. `false`: it has the key no more. */
  abandon(owned: ReleaseRequest): Promise<boolean>;
  /** Takes no new operations. It waits for none: one that is suspended ends elsewhere. The store stays open. */
  close(): Promise<void>;
}

/**
 * @param room its checked options; unknown names are none of the engine's.
 * @param executionMsMax how long an owner has its key without a sign of life, milliseconds.
 * @throws OnceAgainError `ONCE_OPTION_INVALID`, `ONCE_UNSAFE_PAIR`.
 */
export function openDurableEngine(
  room: Parameters<typeof engineOptionsOf>[0] & LeasedMode,
  executionMsMax: number,
): DurableEngine {
  const leased = checkEngineOptions(engineOptionsOf(room));
  const options: CheckedEngineOptions = { ...leased, leaseMs: executionMsMax, handlerMsMax: Infinity, goesOn: true };
  checkLeasedStore(room.store, options);
  const { retentionMsMax = Infinity } = room.store;
  if (executionMsMax > retentionMsMax) {
    throw invalidOptionError(
      "executionMsMax",
      `at most ${retentionMsMax}, since this store keeps nothing longer`,
      executionMsMax,
    );
  }
  const boundedStore = openBoundedStore(room.store, options);
  const leave = boundedStore.enter();
  const context = { boundedStore, operations: aside, purge: expiryPurge(boundedStore) };
  let isClosed = false;
  return {
    async run(operation, owner, work) {
      if (isClosed) throw closedError();
      const own: LeasedContext = { ...context, options: withoutDeadlines(options), makeOwner: () => owner };
      const call = options.onEvent === undefined ? undefined : notifyReceived(options.onEvent, operation);
      const { scope, key, fingerprint } = operation;
      const waitEndsAt = options.clock.monotonic() + options.waitMs;
      const running = { id: `${scope} ${key}`, fingerprint, waitEndsAt, isConfirmed: false, waiting: undefined };
      const opening = claim(own, { operation, running, call });
      const opened = isPromise(opening) ? await opening : opening;
      return opened.kind === "attempt" ? opened.run(work) : opened;
    },
    lookUp: (name) => boundedStore.lookUp(name),
    retryAfterMs: (leastMs) => drawRetryAfterMs(retryAfterRange(leastMs, boundedStore.awayMs()), options.random),
    abandon: async (owned) => boundedStore.abandon(owned),
    async close() {
      isClosed = true;
      await leave();
    },
  };
}

/** Nothing in this process waits for such an operation. */
const aside: Pick<RunningOperations, "confirm" | "leave"> = { confirm: () => undefined, leave: () => undefined };

/** Deadlines for one attempt, which never fall due: those of all attempts would keep each suspended one in memory. */
function withoutDeadlines(options: CheckedEngineOptions): CheckedEngineOptions {
  const machine = options.clock;
  const clock: Clock = {
    now: () => machine.now(),
    monotonic: () => machine.monotonic(),
    timer: () => () => undefined,
  };
  const never = new DeadlineTimer(clock);
  return { ...options, deadlines: { store: options.deadlines.store, lease: never, handler: never } };
}
