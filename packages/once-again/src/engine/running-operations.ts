import type { Clock } from "../core/clock.ts";
import { OnceAgainError } from "../core/errors.ts";
import { sharedTimers } from "../core/shared-timers.ts";
import { toldByEnd, type Ran } from "./joined.ts";
import type { OnceOperation, Outcome } from "./outcome.ts";

/** One operation that runs, or asks the store for its key. */
export interface Flight {
  readonly fingerprint: string;
  /** Until when it may wait for another process, on the monotonic clock. */
  readonly waitEndsAt: number;
  /** Whether the store has said that the key is this fingerprint's. Until then it may be another request's. */
  isConfirmed: boolean;
  /** The duplicates that wait for it, in the order in which they came; missing as long as there was none. */
  waiting?: Set<Waiter>;
}

/** A duplicate that waits: for the outcome, or to be the one that goes on. */
interface Waiter {
  readonly fingerprint: string;
  readonly waitEndsAt: number;
  cancelTimer?: () => void;
  tell(told: Ran | Flight): void;
}

/** The operations that run in this process: a duplicate of one is answered without asking the store. */
export interface InFlight {
  run(operation: OnceOperation, start: (flight: Flight) => Promise<Ran>): Promise<Ran>;
  /** The store has said that the key is this request's: now others under it are known to be wrong. */
  confirm(flight: Flight): void;
  /** Runs an operation that has no key, and so no duplicates. */
  runUnkeyed<Value>(start: () => Promise<Value>): Promise<Value>;
  /** Refuses new operations and resolves when the last running one has ended. */
  drain(): Promise<void>;
}

/** @param waitMs how long a duplicate waits for the running one before it is told "in progress", milliseconds. */
export function inFlight(clock: Clock, waitMs: number): InFlight {
  const running = new Map<string, Flight>();
  const { seat, leave, land } = joining(running, clock);
  const idle: (() => void)[] = [];
  let unkeyed = 0;
  let draining = false;

  const refuseWhenDraining = (): void => {
    if (draining) {
      throw new OnceAgainError("ONCE_CLOSED", "This server is shutting down. Send the request, with its key, again.");
    }
  };
  const tellIdle = (): void => {
    if (running.size + unkeyed === 0) for (const resolve of idle.splice(0)) resolve();
  };
  return {
    async run({ scope, key, fingerprint }, start) {
      const id = JSON.stringify([scope, key]);
      const waitEndsAt = clock.monotonic() + waitMs;
      const other = running.get(id);
      let flight: Flight;
      if (other === undefined) {
        refuseWhenDraining();
        flight = { fingerprint, waitEndsAt, isConfirmed: false };
        running.set(id, flight);
      } else {
        const told = await new Promise<Ran | Flight>((tell) => seat(other, { fingerprint, waitEndsAt, tell }));
        if ("outcome" in told) return told;
        flight = told;
      }
      let ran: Ran | undefined;
      try {
        if (other !== undefined) refuseWhenDraining();
        ran = await start(flight);
        return ran;
      } finally {
        land(id, flight, ran);
        tellIdle();
      }
    },
    confirm(flight) {
      if (flight.isConfirmed) return;
      flight.isConfirmed = true;
      const { waiting } = flight;
      if (waiting === undefined) return;
      for (const waiter of waiting) {
        if (waiter.fingerprint !== flight.fingerprint) leave(waiting, waiter, mismatch);
      }
    },
    async runUnkeyed(start) {
      refuseWhenDraining();
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
      if (running.size + unkeyed > 0) await new Promise<void>((resolve) => idle.push(resolve));
    },
  };
}

/** How duplicates come to wait for a flight, and leave it. */
function joining(running: Map<string, Flight>, clock: Clock) {
  const timers = sharedTimers(clock);
  const leave = (waiting: Set<Waiter>, waiter: Waiter, told: Ran | Flight): void => {
    waiting.delete(waiter);
    waiter.cancelTimer?.();
    waiter.tell(told);
  };
  /** Has a duplicate wait for a flight, or tells it what is known already. */
  const seat = (flight: Flight, waiter: Waiter): void => {
    const waiting = (flight.waiting ??= new Set());
    waiting.add(waiter);
    if (waiter.fingerprint !== flight.fingerprint) {
      // It waits no longer than the store takes to say whose key it is.
      if (flight.isConfirmed) leave(waiting, waiter, mismatch);
      return;
    }
    const leftMs = waiter.waitEndsAt - clock.monotonic();
    if (leftMs <= 0) leave(waiting, waiter, inProgress);
    else waiter.cancelTimer ??= timers.timer(leftMs, () => leave(waiting, waiter, inProgress));
  };
  /** Answers those who waited for a flight that ended; of those who can't be answered by it, the first goes on. */
  const land = (id: string, flight: Flight, ran: Ran | undefined): void => {
    running.delete(id);
    const { waiting } = flight;
    if (waiting === undefined) return;
    for (const waiter of waiting) {
      const told = ran && toldByEnd(ran, waiter.fingerprint === flight.fingerprint);
      if (told !== undefined) leave(waiting, waiter, told);
    }
    const [next] = waiting;
    if (next === undefined) return;
    const { fingerprint, waitEndsAt } = next;
    // The same set: it is what the timers of the others know.
    const following: Flight = { fingerprint, waitEndsAt, isConfirmed: false, waiting };
    running.set(id, following);
    leave(waiting, next, following);
    for (const waiter of waiting) seat(following, waiter);
  };
  return { seat, leave, land };
}

const told = (outcome: Outcome): Ran => ({ outcome, isKept: false, event: outcome.kind });
const mismatch = told({ kind: "mismatch" });
const inProgress = told({ kind: "in-progress" });
