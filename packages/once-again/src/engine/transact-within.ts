import type { Clock } from "../core/clock.ts";
import { OnceAgainError } from "../core/errors.ts";

/**
 * Runs a transaction of a store and waits for the store no longer than `msMax`, once for the transaction and once for
 * its end. How long the work inside takes is not counted. Work is not begun when its transaction comes too late: what
 * is thrown instead has the store roll the transaction back.
 *
 * @param begin asks the store for a transaction in which the work, as it is given, runs.
 * @param onGivenUp is given the store's own promise, when it is no longer awaited.
 */
export function transactWithin<Transaction, Ending, Answer>(
  { clock, msMax }: { clock: Clock; msMax: number },
  begin: (work: (transaction: Transaction) => Promise<Ending>) => Promise<Answer>,
  work: (transaction: Transaction) => Promise<Ending>,
  onGivenUp: (call: Promise<unknown>) => void,
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    let error: OnceAgainError | undefined;
    const giveUp = (): void => {
      error = new OnceAgainError("ONCE_STORE_UNAVAILABLE", `The store's database did not answer for ${msMax} ms.`);
      onGivenUp(answered);
      reject(error);
    };
    let cancel = clock.timer(msMax, giveUp);
    const answered = rejectIfThrows(begin, async (transaction: Transaction): Promise<Ending> => {
      if (error !== undefined) throw error;
      cancel();
      try {
        return await work(transaction);
      } finally {
        cancel = clock.timer(msMax, giveUp);
      }
    });
    answered.then(
      (answer) => {
        cancel();
        resolve(answer);
      },
      (fault: unknown) => {
        cancel();
        reject(fault);
      },
    );
  });
}

/** A store that throws at once has failed like one that rejects. */
async function rejectIfThrows<Work, Answer>(begin: (work: Work) => Promise<Answer>, work: Work): Promise<Answer> {
  return begin(work);
}
