import type { Clock } from "../core/clock.ts";
import { OnceAgainError } from "../core/errors.ts";
import { recordId } from "../key/key.ts";
import { sharedTimers } from "../core/deadline-timer.ts";
import { resultForDuplicate, type RequestEnd } from "./request-end.ts";
import type { OnceOperation, Outcome } from "./engine.ts";

/**
 * The place of one operation that runs, or asks the store for its key. It has nothing of its request: a `Map` that is
 * filled and emptied keeps what was in it until the next collection of everything.
 */
export interface RunningOperation {
  readonly id: string;
  readonly fingerprint: string;
  /** Until when it may wait for another process, on the monotonic clock. */
  readonly waitEndsAt: number;
  /** Whether the store has said that the key is this fingerprint's. Until then it may be another request's. */
  isConfirmed: boolean;
  /** The duplicates that wait for it, in the order in which they came; `undefined` as long as there was none. */
  waiting: Set<Waiter> | undefined;
}

/** A duplicate that waits: for the outcome, or to be the one that goes on. */
interface Waiter {
  readonly fingerprint: string;
  readonly waitEndsAt: number;
  cancelTimer?: () => void;
  resolve(result: RequestEnd<never> | RunningOperation): void;
}

/** The operations that run in this process: a duplicate of one is answered without asking the store. */
export interface RunningOperations {
  /**
   * Gives an operation its place, at once or when the one that runs under its key has ended: or says what became of that
   * one, if it answers both. Rejects with `ONCE_CLOSED`.
   *
   * @param waitMs how long it may wait, where that is less than all others may: its process ends soon.
   */
  enter(
    operation: Pick<OnceOperation, "scope" | "key" | "fingerprint">,
    waitMs?: number,
  ): RunningOperation | Promise<RunningOperation | RequestEnd<never>>;
  /** The store has said that the key is this request's: now others under it are known to be wrong. */
  confirm(running: RunningOperation): void;
  /** An operation has ended. @param result what became of it; `undefined` when it failed. */
  leave(running: RunningOperation, result: RequestEnd | undefined): void;
  /** Runs an operation that has no key, and so no duplicates. */
  runUnkeyed<Value>(start: () => Promise<Value>): Promise<Value>;
  /** Refuses new operations and resolves when the last running one has ended. */
  drain(): Promise<void>;
}

/** How many duplicates wait at a time, under one key and in all. One more gets "in progress" at once. */
const waitingMax = { ofKey: 10_000, ofEngine: 20_000 };

/** @param waitMs how long a duplicate waits for the running one before it gets "in progress", milliseconds. */
export function runningOperations(clock: Clock, waitMs: number): RunningOperations {
  const operations = new Map<string, RunningOperation>();
  const { waitFor, tellConfirmed, release } = waiters(operations, clock);
  const idle: (() => void)[] = [];
  let unkeyed = 0;
  let draining = false;

  const tellIdle = (): void => {
    if (operations.size + unkeyed === 0) for (const resolve of idle.splice(0)) resolve();
  };
  const leave = (running: RunningOperation, result: RequestEnd | undefined): void => {
    // A request may fail after it has left: by then its place may be another's.
    if (operations.get(running.id) !== running) return;
    operations.delete(running.id);
    if (running.waiting !== undefined) release(running, running.waiting, result);
    tellIdle();
  };
  return {
    enter(operation, ownWaitMs = waitMs) {
      const { fingerprint } = operation;
      const id = recordId(operation);
      const waitEndsAt = clock.monotonic() + ownWaitMs;
      const other = operations.get(id);
      if (other === undefined) {
        if (draining) return Promise.reject(closedError());
        const running = { id, fingerprint, waitEndsAt, isConfirmed: false, waiting: undefined };
        operations.set(id, running);
        return running;
      }
      return waitFor(other, fingerprint, waitEndsAt).then((result) => {
        if ("outcome" in result || !draining) return result;
        leave(result, undefined);
        throw closedError();
      });
    },
    confirm(running) {
      if (running.isConfirmed) return;
      running.isConfirmed = true;
      if (running.waiting !== undefined) tellConfirmed(running, running.waiting);
    },
    leave,
    async runUnkeyed(start) {
      if (draining) throw closedError();
      unkeyed += 1;
      try {
        return await start();
      } finally {
        unkeyed -= 1;
        tellIdle();
      }
    },
    async drain() {
      draining = true;
      if (operations.size + unkeyed > 0) await new Promise<void>((resolve) => idle.push(resolve));
    },
  };
}

export function closedError(): OnceAgainError {
  return new OnceAgainError("ONCE_CLOSED", "This server is shutting down. Send the request, with its key, again.");
}

/** How duplicates come to wait for a running operation, and are answered. */
function waiters(operations: Map<string, RunningOperation>, clock: Clock) {
  const timers = sharedTimers(clock);
  let waitersNow = 0;
  const answerWaiter = (waiting: Set<Waiter>, waiter: Waiter, result: RequestEnd<never> | RunningOperation): void => {
    waiting.delete(waiter);
    waitersNow -= 1;
    waiter.cancelTimer?.();
    waiter.resolve(result);
  };
  const isLate = (waiter: Waiter): boolean => waiter.waitEndsAt <= clock.monotonic();
  /** The time of a duplicate is over. Until the store answers, the other operation may run, or have a stored result. */
  const tellLate = (running: RunningOperation | undefined, waiting: Set<Waiter>, waiter: Waiter): void => {
    if (running?.isConfirmed) answerWaiter(waiting, waiter, inProgress);
  };
  /** Has a duplicate wait for a running operation, or answers it by what is known already. */
  const addWaiter = (running: RunningOperation, waiter: Waiter): void => {
    const waiting = (running.waiting ??= new Set());
    waiting.add(waiter);
    if (waiter.fingerprint !== running.fingerprint) {
      // It waits no longer than the store takes to say which request has the key.
      if (running.isConfirmed) answerWaiter(waiting, waiter, mismatch);
      return;
    }
    const leftMs = waiter.waitEndsAt - clock.monotonic();
    if (leftMs <= 0) return tellLate(running, waiting, waiter);
    // By then another may be the one that runs.
    waiter.cancelTimer ??= timers.timer(leftMs, () => tellLate(operations.get(running.id), waiting, waiter));
  };
  return {
    /** The store has said which request has the key, and that its operation runs. */
    tellConfirmed: (running: RunningOperation, waiting: Set<Waiter>): void => {
      for (const waiter of waiting) {
        if (waiter.fingerprint !== running.fingerprint) answerWaiter(waiting, waiter, mismatch);
        else if (isLate(waiter)) answerWaiter(waiting, waiter, inProgress);
      }
    },
    waitFor: (running: RunningOperation, fingerprint: string, waitEndsAt: number) =>
      new Promise<RequestEnd<never> | RunningOperation>((resolve) => {
        const hasPlace = waitersNow < waitingMax.ofEngine && (running.waiting?.size ?? 0) < waitingMax.ofKey;
        waitersNow += 1;
        addWaiter(running, { fingerprint, waitEndsAt: hasPlace ? waitEndsAt : clock.monotonic(), resolve });
      }),
    /** Answers those who waited for an operation that ended; of those who can't be answered by it, the first goes on. */
    release: (running: RunningOperation, waiting: Set<Waiter>, ended: RequestEnd | undefined): void => {
      running.waiting = undefined;
      for (const waiter of waiting) {
        const result = ended && resultForDuplicate(ended, waiter.fingerprint === running.fingerprint);
        if (result !== undefined) answerWaiter(waiting, waiter, result);
      }
      const [next] = waiting;
      if (next === undefined) return;
      const { fingerprint, waitEndsAt } = next;
      // The same set: it is what the timers of the others know.
      const following: RunningOperation = { id: running.id, fingerprint, waitEndsAt, isConfirmed: false, waiting };
      operations.set(running.id, following);
      answerWaiter(waiting, next, following);
      for (const waiter of waiting) {
        // None waits for the store's answer a second time: it may be down, and they may be many.
        if (isLate(waiter)) answerWaiter(waiting, waiter, inProgress);
        else addWaiter(following, waiter);
      }
    },
  };
}

const unstored = (outcome: Outcome): RequestEnd<never> => ({ outcome, isStored: false, event: outcome.kind });
const mismatch = unstored({ kind: "mismatch" });
const inProgress = unstored({ kind: "in-progress" });
