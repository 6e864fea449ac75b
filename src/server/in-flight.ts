import type { Clock } from "../core/clock.ts";
import { OnceAgainError } from "../core/errors.ts";
import type { OnceOperation, Outcome } from "./outcome.ts";

/** The operations that run in this process: a duplicate of one is answered without asking the store. */
export interface InFlight {
  run(operation: OnceOperation, start: (waitEndsAt: number) => Promise<Outcome>): Promise<Outcome>;
  /** Runs an operation that has no key, and so no duplicates. */
  runUnkeyed<Value>(start: () => Promise<Value>): Promise<Value>;
  /** Refuses new operations and resolves when the last running one has ended. */
  drain(): Promise<void>;
}

/** @param waitMs how long a duplicate waits for the running one before it is told "in progress", milliseconds. */
export function inFlight(clock: Clock, waitMs: number): InFlight {
  const running = new Map<string, { fingerprint: string; outcome: Promise<Outcome> }>();
  const unkeyed = new Set<Promise<void>>();
  let draining = false;

  const refuseWhenDraining = (): void => {
    if (draining) {
      throw new OnceAgainError("ONCE_CLOSED", "This server is shutting down. Send the request, with its key, again.");
    }
  };

  return {
    async run(operation, start) {
      const id = JSON.stringify([operation.scope, operation.key]);
      const waitEndsAt = clock.monotonic() + waitMs;
      for (let other = running.get(id); other !== undefined; other = running.get(id)) {
        if (other.fingerprint !== operation.fingerprint) return { kind: "mismatch" };
        const leftMs = waitEndsAt - clock.monotonic();
        if (leftMs <= 0) return { kind: "in-progress" };
        await endedWithin(endOf(other.outcome), clock, leftMs);
      }
      refuseWhenDraining();
      const outcome = start(waitEndsAt);
      running.set(id, { fingerprint: operation.fingerprint, outcome });
      try {
        return await outcome;
      } finally {
        running.delete(id);
      }
    },
    async runUnkeyed(start) {
      refuseWhenDraining();
      const value = start();
      const ended = endOf(value);
      unkeyed.add(ended);
      try {
        return await value;
      } finally {
        unkeyed.delete(ended);
      }
    },
    async drain() {
      draining = true;
      while (running.size + unkeyed.size > 0) {
        await Promise.all([...unkeyed, ...Array.from(running.values(), ({ outcome }) => endOf(outcome))]);
      }
    },
  };
}

/** Resolves when a promise settles, either way. */
function endOf(promise: Promise<unknown>): Promise<void> {
  return promise.then(
    () => undefined,
    () => undefined,
  );
}

/** Resolves when `ended` does, or after `waitMs` milliseconds. */
function endedWithin(ended: Promise<void>, clock: Clock, waitMs: number): Promise<void> {
  return new Promise((resolve) => {
    const cancel = clock.timer(waitMs, resolve);
    void ended.then(() => {
      cancel();
      resolve();
    });
  });
}
