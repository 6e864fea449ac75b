import { sleep } from "../core/clock.ts";
import { OnceAgainError } from "../core/errors.ts";
import { notify } from "../core/events.ts";
import type { TransactionalStore, TransactionAnswer, TransactionEnding } from "../stores/store.ts";
import { failureOf } from "./carry-out.ts";
import { operationEndedError } from "./ended-error.ts";
import type { Engine } from "./engine.ts";
import { type WorkResult, firstAttempt, type Work } from "./execution.ts";
import { type HandlerTimeout, startHandlerTimeout } from "./handler-timeout.ts";
import { type RunningOperation, runningOperations } from "./running-operations.ts";
import { withoutWork, type RunResult, notifyEnd } from "./run-result.ts";
import { mustStop } from "./leased-decisions.ts";
import { pollMs } from "./leased-engine.ts";
import { type CheckedEngineOptions, checkedEngineOptions, type EngineOptions } from "./options.ts";
import { type OnceOperation, outcomeOfClaim } from "./outcome.ts";
import { expiryPurge } from "./expiry-purge.ts";
import { plainSteps } from "./steps.ts";
import { resultUnconfirmed, storeUnavailable } from "./store-calls.ts";
import { type StoreDoor, storeDoor } from "./store-door.ts";

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
      "Transactional mode needs a store in the database that the handler writes to. Use postgresStore, mariadbStore or " +
        "sqliteStore there, or leased mode.",
    );
  }
  const options = checkedEngineOptions(engineOptions);
  const { clock, waitMs, onEvent } = options;
  const door = storeDoor<Transaction>(store, options);
  const purgeNowAndThen = expiryPurge(door);
  const operations = runningOperations(clock, waitMs);

  return {
    async run(operation, work) {
      const ran = await operations.run(operation, (running) =>
        runTransaction({ door, options, operation, work, running, onBegin: () => operations.confirm(running) }),
      );
      notifyEnd(onEvent, operation, ran);
      if (ran.outcome.kind === "executed") purgeNowAndThen();
      return ran.outcome;
    },
    runUnkeyed: (scope, work) =>
      operations.runUnkeyed(async () => {
        const { answer, ended } = await transacted(options, { scope, key: undefined }, work, (watched) =>
          door.transactUnkeyed(watched),
        );
        if (ended?.effect === "unknown") {
          notify(onEvent, { type: "handler-failed", scope, key: undefined, error: failureOf(ended) });
        }
        return answer;
      }),
    async close() {
      await operations.drain();
      await door.close();
    },
  };
}

/** One operation, and what its transaction needs. */
interface Running<Transaction> {
  door: StoreDoor<Transaction>;
  options: CheckedEngineOptions;
  operation: OnceOperation;
  work: Work<Transaction>;
  running: RunningOperation;
  /** Is called when the key is ours. */
  onBegin: () => void;
}

/** Runs an operation; as long as another process has its key, asks again until the wait is over. */
async function runTransaction<Transaction>(parts: Running<Transaction>): Promise<RunResult> {
  const { door, options, operation, running } = parts;
  const { clock, retentionMs } = options;
  const work: Work<Transaction> = (attempt) => {
    parts.onBegin();
    return parts.work(attempt);
  };
  for (;;) {
    const ran = ranOf(
      await transacted(options, operation, work, (watched) => door.transact({ ...operation, retentionMs }, watched), {
        kind: "abandoned",
        leaseOverMs: 0,
      }),
    );
    const leftMs = running.waitEndsAt - clock.monotonic();
    if (ran.outcome.kind !== "in-progress" || leftMs <= 0) return ran;
    await sleep(clock, Math.min(pollMs, leftMs));
  }
}

/** What a transaction came to. */
function ranOf({ answer, ended }: Transacted<TransactionAnswer<Uint8Array>>): RunResult {
  if (answer.kind !== "executed" || ended === undefined) return withoutWork(outcomeOfClaim(answer as NotExecuted));
  const outcome = { kind: "executed", result: answer.value } as const;
  const { effect } = ended;
  if (effect === "unknown") return { outcome, isStored: false, event: "handler-failed", error: failureOf(ended) };
  const isStored = keeps[effect] !== "rollback";
  return { outcome, isStored, event: isStored ? "executed" : "released" };
}

type NotExecuted = Exclude<TransactionAnswer<Uint8Array>, { kind: "executed" }>;

/** The name of an operation; without a key, of one that has no record. */
interface Name {
  scope: string;
  key: string | undefined;
}

/** What the store answered, and how the last run of the work ended, if it ran. */
interface Transacted<Answer> {
  answer: Answer;
  ended: WorkResult | undefined;
}

/** The last run of the work: a store that runs it again has found out that the transaction before came to nothing. */
interface LastRun {
  time: HandlerTimeout;
  ended?: WorkResult;
  /** What the work threw. */
  thrown?: { error: unknown };
}

/** Runs the work in its time. Work whose time is over has failed: its transaction is rolled back. */
async function runIn<Transaction>(
  options: CheckedEngineOptions,
  { scope, key }: Name,
  work: Work<Transaction>,
  transaction: Transaction,
  run: LastRun,
): Promise<TransactionEnding<Uint8Array>> {
  const { time } = run;
  const steps = plainSteps({ scope, key }, options.steps, (step) => step(transaction));
  try {
    run.ended = await time.within(work(firstAttempt({ scope, key }, transaction, steps, time.signal)));
  } catch (error) {
    run.thrown = { error };
    throw error;
  } finally {
    time.stop(run.ended === undefined || mustStop(run.ended.effect) ? operationEndedError() : undefined);
  }
  const { effect, result, cause } = run.ended;
  return { keep: keeps[effect], result, value: result, cause };
}

/**
 * Tells the failures apart: what the work throws is the handler's, everything else is the store's. Where the work had
 * asked for a commit, nobody knows of the store's failure whether it came before or after.
 *
 * @param held the answer where the store found its transaction ended by the work, and therefore holds the key.
 */
async function transacted<Transaction, Answer>(
  options: CheckedEngineOptions,
  { scope, key }: Name,
  work: Work<Transaction>,
  transact: (watched: (transaction: Transaction) => Promise<TransactionEnding<Uint8Array>>) => Promise<Answer>,
  held?: Answer,
): Promise<Transacted<Answer>> {
  let last: LastRun | undefined;
  try {
    const answer = await transact((transaction) => {
      last = { time: startHandlerTimeout(options) };
      return runIn(options, { scope, key }, work, transaction, last);
    });
    return { answer, ended: last?.ended };
  } catch (error) {
    const run = last;
    // It was not committed as it was asked for: what its handler may still do must not count on it.
    run?.time.stop(operationEndedError());
    const isHandlers = run?.thrown !== undefined && run.thrown.error === error;
    if (isHandlers || OnceAgainError.isInstance(error, "ONCE_HANDLER_FAILED")) {
      notify(options.onEvent, { type: "handler-failed", scope, key, error });
      throw error;
    }
    if (OnceAgainError.isInstance(error, "ONCE_OUTCOME_UNKNOWN") && held !== undefined) {
      options.onError(error);
      return { answer: held, ended: undefined };
    }
    notify(options.onEvent, { type: "store-failed", operation: "transact", scope, key, error });
    const keep = run?.ended && keeps[run.ended.effect];
    if (keep === "commit" || keep === "answer-only") throw resultUnconfirmed(error);
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
