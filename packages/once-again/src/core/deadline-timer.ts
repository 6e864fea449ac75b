import type { Clock } from "./clock.ts";
import { type RestingTimer, restingTimer, systemClock } from "./system-clock.ts";

/**
 * Something that has its time, and is called when that is over. It stands in a ring as itself: neither an entry, nor a
 * callback, nor a timer of the platform's has to be made for it.
 */
export abstract class Deadline {
  #at = Number.NEGATIVE_INFINITY;
  #previous: Deadline = this;
  #next: Deadline = this;

  /** Is called once, when its time is over. */
  abstract onDue(): void;

  static at(deadline: Deadline): number {
    return deadline.#at;
  }

  static next(deadline: Deadline): Deadline {
    return deadline.#next;
  }

  /** Puts it behind all that are due no later, and in front of `end`. */
  static insert(deadline: Deadline, at: number, end: Deadline): void {
    let previous = end.#previous;
    while (previous.#at > at) previous = previous.#previous;
    const next = previous.#next;
    deadline.#at = at;
    deadline.#previous = previous;
    deadline.#next = next;
    previous.#next = deadline;
    next.#previous = deadline;
  }

  static unlink(deadline: Deadline): void {
    deadline.#previous.#next = deadline.#next;
    deadline.#next.#previous = deadline.#previous;
    // The caller may still have a reference to this one; its neighbours must not stay in memory because of it.
    deadline.#previous = deadline.#next = deadline;
  }
}

/** Stands for none: it is before the first and after the last. */
class End extends Deadline {
  onDue(): void {
    // Never in its own ring.
  }
}

/** A timer that rests holds its ring in memory, so a longer one is cleared, milliseconds. */
const restMsMax = 600_000;

/**
 * The deadlines of one kind, in the order in which they are due, with one timer for the first of them. They are for
 * limits that each operation has and hardly any reaches: a timer of the platform's for each would cost more than the
 * operation.
 *
 * Use one for each kind of limit. A deadline that is due before others takes one step for each of them to be put in
 * its place.
 */
export class DeadlineTimer {
  readonly clock: Clock;
  readonly #end = new End();
  #cancelTimer: (() => void) | undefined;
  /** The same timer where it may rest, which spares quick operations, after each of which the ring is empty, a timer each. */
  #resting: RestingTimer | undefined;
  #restsUntil = 0;

  constructor(clock: Clock) {
    this.clock = clock;
  }

  /** Has a deadline fall due at a time of the monotonic clock, and no longer when it was set to before. */
  set(deadline: Deadline, at: number): void {
    const wasFirst = Deadline.next(this.#end) === deadline;
    Deadline.unlink(deadline);
    Deadline.insert(deadline, at, this.#end);
    if (wasFirst || Deadline.next(this.#end) === deadline) this.#waitForFirst();
  }

  /** Clearing one that is not set does nothing. */
  clear(deadline: Deadline): void {
    Deadline.unlink(deadline);
    if (Deadline.next(this.#end) === this.#end) this.#waitForFirst();
  }

  #waitForFirst(): void {
    const first = Deadline.next(this.#end);
    const resting = this.#resting;
    if (resting !== undefined && first === this.#end) return resting.rest();
    // It may be early, and is then set again: once for the many deadlines that were set and cleared meanwhile.
    if (resting !== undefined && this.#restsUntil <= Deadline.at(first)) return resting.wake();
    this.#cancelTimer?.();
    this.#cancelTimer = this.#resting = undefined;
    if (first === this.#end) return;
    const at = Deadline.at(first);
    const leftMs = Math.max(0, at - this.clock.monotonic());
    const fire = (): void => this.#fire();
    if (this.clock === systemClock && leftMs <= restMsMax) this.#resting = restingTimer(leftMs, fire);
    this.#restsUntil = at;
    this.#cancelTimer = this.#resting?.cancel ?? this.clock.timer(leftMs, fire);
  }

  #fire(): void {
    this.#resting = undefined;
    const first = Deadline.next(this.#end);
    if (first === this.#end) return;
    if (Deadline.at(first) > this.clock.monotonic()) return this.#waitForFirst();
    Deadline.unlink(first);
    // Before the call: if it throws, those after it are called all the same.
    this.#waitForFirst();
    first.onDue();
  }
}

/** A clock on which all timers but deadlines share one timer of the given clock: see `DeadlineTimer`. */
export function sharedTimers(clock: Clock): Clock {
  const deadlines = new DeadlineTimer(clock);
  return {
    now: () => clock.now(),
    monotonic: () => clock.monotonic(),
    timer(delayMs, callback) {
      const timer = new Timer(callback);
      deadlines.set(timer, clock.monotonic() + delayMs);
      return () => deadlines.clear(timer);
    },
  };
}

class Timer extends Deadline {
  readonly onDue: () => void;

  constructor(callback: () => void) {
    super();
    this.onDue = callback;
  }
}

/**
 * Waits for an answer, and no longer than `msMax` milliseconds. Where the event loop was held up past that time, the
 * answer may lie in its socket: so what is late is late only after one more turn of the loop, which reads it.
 *
 * @param onLate is called with `msMax` when it takes longer, and returns the error to throw.
 * @throws the error that `onLate` returns; a rejection of the answer is passed on unchanged.
 */
export function answerBefore<Answer>(
  timer: DeadlineTimer,
  msMax: number,
  answer: Promise<Answer>,
  onLate: (msMax: number) => unknown,
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const limit = new AnswerDeadline(timer.clock, reject, msMax, onLate);
    timer.set(limit, timer.clock.monotonic() + msMax);
    answer.then(
      (value) => {
        timer.clear(limit);
        limit.cancelTurn();
        resolve(value);
      },
      (error: unknown) => {
        timer.clear(limit);
        limit.cancelTurn();
        reject(error);
      },
    );
  });
}

/** The time that there is for one answer. */
class AnswerDeadline extends Deadline {
  readonly #reject: (error: unknown) => void;
  readonly #msMax: number;
  readonly #onLate: (msMax: number) => unknown;
  readonly #clock: Clock;
  #cancelTurn: (() => void) | undefined;

  constructor(clock: Clock, reject: (error: unknown) => void, msMax: number, onLate: (msMax: number) => unknown) {
    super();
    this.#clock = clock;
    this.#reject = reject;
    this.#msMax = msMax;
    this.#onLate = onLate;
  }

  onDue(): void {
    this.#cancelTurn = this.#clock.timer(0, () => this.#reject(this.#onLate(this.#msMax)));
  }

  cancelTurn(): void {
    this.#cancelTurn?.();
  }
}
