import type { Clock } from "./clock.ts";
import { Deadline, type DeadlineTimer } from "./deadline-timer.ts";

/**
 * Waits for an answer, and no longer than `msMax` milliseconds. Where the event loop was held up past that time, the
 * answer may lie in its socket: so what is late is late only after one more turn of the loop, which reads it.
 *
 * @param onLate is told `msMax` when it takes longer, and returns what is thrown then.
 * @throws what `onLate` returns, and what the answer rejects with, as it is.
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
