import { Deadline, type DeadlineTimer } from "./deadline-timer.ts";

/**
 * Waits for an answer, and no longer than `msMax` milliseconds.
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
    const limit = new AnswerDeadline(reject, msMax, onLate);
    timer.set(limit, timer.clock.monotonic() + msMax);
    answer.then(
      (value) => {
        timer.clear(limit);
        resolve(value);
      },
      (error: unknown) => {
        timer.clear(limit);
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

  constructor(reject: (error: unknown) => void, msMax: number, onLate: (msMax: number) => unknown) {
    super();
    this.#reject = reject;
    this.#msMax = msMax;
    this.#onLate = onLate;
  }

  onDue(): void {
    this.#reject(this.#onLate(this.#msMax));
  }
}
