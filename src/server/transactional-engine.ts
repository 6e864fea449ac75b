import { OnceAgainError } from "../core/errors.ts";
import { notify } from "../core/events.ts";
import type { TransactionalStore, TransactionEnding } from "../stores/store.ts";
import type { Engine } from "./engine.ts";
import { type Attempt, firstAttempt, type Work } from "./execution.ts";
import { inFlight } from "./in-flight.ts";
import { checkedEngineOptions, type EngineOptions } from "./options.ts";
import { outcomeOfClaim } from "./outcome.ts";
import { purging } from "./purging.ts";
import { plainSteps } from "./steps.ts";
import { storeUnavailable } from "./store-calls.ts";

/**
 * An engine whose key, effect and result commit in one transaction of the user's own database: a crash at any point
 * leaves either all of them or none, so there is neither a lease nor an unknown outcome.
 *
 * @throws OnceAgainError `ONCE_OPTION_INVALID`; `ONCE_UNSAFE_PAIR` when the store has no transactions to offer.
 */
export function transactionalEngine<Transaction>(
  store: TransactionalStore<Transaction>,
  engineOptions: EngineOptions,
): Engine<Transaction> {
  if (typeof store.transact !== "function") {
    throw new OnceAgainError(
      "ONCE_UNSAFE_PAIR",
      "Transactional mode needs a store in the database that the handler writes to. Use sqliteStore, or leased mode.",
    );
  }
  const options = checkedEngineOptions(engineOptions);
  const { clock, waitMs, retentionMs, onEvent, steps } = options;
  const purgeNowAndThen = purging(store, options);
  const running = inFlight(clock, waitMs);

  const attempt = (name: { scope: string; key: string | undefined }, transaction: Transaction): Attempt<Transaction> =>
    firstAttempt(
      name,
      transaction,
      plainSteps(name, steps, (work) => work(transaction)),
    );

  /** Tells the two kinds of failure apart: what the work throws is the handler's; everything else is the store's. */
  const transacted = async <Answer>(
    name: { scope: string; key: string | undefined },
    work: Work<Transaction>,
    transact: (watched: Work<Transaction>) => Promise<Answer>,
  ): Promise<Answer> => {
    let workFailed = false;
    const watched: Work<Transaction> = async (attempt) => {
      try {
        return await work(attempt);
      } catch (error) {
        workFailed = true;
        throw error;
      }
    };
    try {
      return await transact(watched);
    } catch (error) {
      if (workFailed || OnceAgainError.isInstance(error, "ONCE_HANDLER_FAILED")) {
        notify(onEvent, { kind: "handler-failed", ...name, error });
        throw error;
      }
      notify(onEvent, { kind: "store-failed", operation: "transact", ...name, error });
      const isTold = OnceAgainError.isInstance(error) && error.code !== "ONCE_SEAL_BROKEN";
      throw isTold ? error : storeUnavailable(error);
    }
  };

  return {
    async run(operation, work) {
      const { scope, key } = operation;
      const outcome = await running.run(operation, async () => {
        const answer = await transacted({ scope, key }, work, (watched) =>
          store.transact({ ...operation, retentionMs }, (transaction) =>
            ended(watched, attempt(operation, transaction)),
          ),
        );
        return answer.kind === "executed" ? { kind: "executed", result: answer.value } : outcomeOfClaim(answer);
      });
      notify(onEvent, { kind: outcome.kind, scope, key });
      if (outcome.kind === "executed") purgeNowAndThen();
      return outcome;
    },
    runUnkeyed: (scope, work) =>
      running.runUnkeyed(() =>
        transacted({ scope, key: undefined }, work, (watched) =>
          store.transactUnkeyed((transaction) => ended(watched, attempt({ scope, key: undefined }, transaction))),
        ),
      ),
    close: () => running.drain(),
  };
}

/** Runs the work, and says what its transaction keeps. */
async function ended<Transaction>(
  work: Work<Transaction>,
  attempt: Attempt<Transaction>,
): Promise<TransactionEnding<Uint8Array>> {
  const { effect, result, cause } = await work(attempt);
  return { keep: keeps[effect], result, value: result, cause };
}

/** A failure that can't tell what it did is rolled back, which proves that nothing happened. */
const keeps = {
  done: "commit",
  refused: "answer-only",
  none: "rollback",
  unknown: "rollback",
  held: "rollback",
} as const;
