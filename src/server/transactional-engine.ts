import { OnceAgainError } from "../core/errors.ts";
import { notify } from "../core/events.ts";
import type { TransactionalStore, TransactionEnding } from "../stores/store.ts";
import type { Engine } from "./engine.ts";
import { type Ended, firstAttempt, type Work } from "./execution.ts";
import { handlerTime } from "./handler-time.ts";
import { inFlight } from "./in-flight.ts";
import { type CheckedEngineOptions, checkedEngineOptions, type EngineOptions } from "./options.ts";
import { outcomeOfClaim } from "./outcome.ts";
import { purging } from "./purging.ts";
import { plainSteps } from "./steps.ts";
import { resultUnconfirmed, storeUnavailable } from "./store-calls.ts";

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
  const { clock, waitMs, retentionMs, onEvent } = options;
  const purgeNowAndThen = purging(store, options);
  const running = inFlight(clock, waitMs);

  return {
    async run(operation, work) {
      const { scope, key } = operation;
      const outcome = await running.run(operation, async () => {
        const answer = await transacted(options, { scope, key }, work, (watched) =>
          store.transact({ ...operation, retentionMs }, watched, options.onError),
        );
        return answer.kind === "executed" ? { kind: "executed", result: answer.value } : outcomeOfClaim(answer);
      });
      notify(onEvent, { kind: outcome.kind, scope, key });
      if (outcome.kind === "executed") purgeNowAndThen();
      return outcome;
    },
    runUnkeyed: (scope, work) =>
      running.runUnkeyed(() =>
        transacted(options, { scope, key: undefined }, work, (watched) =>
          store.transactUnkeyed(watched, options.onError),
        ),
      ),
    close: () => running.drain(),
  };
}

/** The name of an operation; without a key, of one that has no record. */
interface Name {
  scope: string;
  key: string | undefined;
}

/** Runs the work in its time. Work whose time is over has failed: its transaction is rolled back. */
async function ended<Transaction>(
  options: CheckedEngineOptions,
  name: Name,
  work: Work<Transaction>,
  transaction: Transaction,
): Promise<Ended> {
  const time = handlerTime(options);
  const steps = plainSteps(name, options.steps, (step) => step(transaction));
  try {
    return await time.within(work(firstAttempt(name, transaction, steps, time.signal)));
  } finally {
    time.stop();
  }
}

/**
 * Tells the failures apart: what the work throws is the handler's, everything else is the store's. Where the work had
 * asked for a commit, nobody knows of the store's failure whether it came before or after.
 */
async function transacted<Transaction, Answer>(
  options: CheckedEngineOptions,
  name: Name,
  work: Work<Transaction>,
  transact: (watched: (transaction: Transaction) => Promise<TransactionEnding<Uint8Array>>) => Promise<Answer>,
): Promise<Answer> {
  // Of the last run: a store that runs the work again has found out that the transaction before came to nothing.
  let lastRun = "none" as "none" | "thrown" | TransactionEnding<Uint8Array>["keep"];
  const watched = async (transaction: Transaction): Promise<TransactionEnding<Uint8Array>> => {
    lastRun = "thrown";
    const { effect, result, cause } = await ended(options, name, work, transaction);
    const keep = keeps[effect];
    lastRun = keep;
    return { keep, result, value: result, cause };
  };
  try {
    return await transact(watched);
  } catch (error) {
    if (lastRun === "thrown" || OnceAgainError.isInstance(error, "ONCE_HANDLER_FAILED")) {
      notify(options.onEvent, { kind: "handler-failed", ...name, error });
      throw error;
    }
    notify(options.onEvent, { kind: "store-failed", operation: "transact", ...name, error });
    if (lastRun === "commit" || lastRun === "answer-only") throw resultUnconfirmed(error);
    const isTold = OnceAgainError.isInstance(error) && error.code !== "ONCE_SEAL_BROKEN";
    throw isTold ? error : storeUnavailable(error);
  }
}

/** A failure that can't tell what it did is rolled back, which proves that nothing happened. */
const keeps = {
  done: "commit",
  refused: "answer-only",
  none: "rollback",
  unknown: "rollback",
  held: "rollback",
} as const;
