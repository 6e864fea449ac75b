import type { DatabaseSync } from "node:sqlite";
import type { Clock } from "../../core/clock.ts";
import { OnceAgainError } from "../../core/errors.ts";
import type { StepRequest, TransactionAnswer, TransactionEnding, TransactionRequest } from "../store.ts";
import { transition } from "../transition.ts";
import type { Rows } from "./rows.ts";
import { rollback } from "./transactions.ts";

/** The connection with the open transaction, and what is needed to read and write records on it. */
export interface Ground {
  database: DatabaseSync;
  rows: Rows;
  clock: Clock;
}

type Work<Value> = (transaction: DatabaseSync) => Promise<TransactionEnding<Value>>;

/**
 * Runs the work of a key that is seen for the first time and keeps its result, inside an open transaction; it changes
 * nothing when the key is known.
 */
export async function keyedWork<Value>(
  { database, rows, clock }: Ground,
  request: TransactionRequest,
  work: Work<Value>,
): Promise<TransactionAnswer<Value>> {
  // Nobody sees this claim before the commit, so it needs neither a lease nor a token of its own.
  const owner = "";
  const now = clock.now();
  const claim = { kind: "claim", ...request, owner, leaseMs: 0 } as const;
  const { record, answer } = transition(rows.read(request), claim, now);
  if (answer.kind !== "acquired") return answer;
  const { keep, result, value } = await ended(database, work);
  if (keep !== "rollback") {
    const completed = transition(record, { kind: "complete", ...request, owner, result }, now).record;
    if (completed !== undefined) rows.write(request, completed);
  }
  return { kind: "executed", value };
}

/**
 * Runs one step of a leased operation and keeps its checkpoint, inside an open transaction; it changes nothing when the
 * operation is no longer the owner's.
 */
export async function keyedStep(
  { database, rows, clock }: Ground,
  request: StepRequest,
  work: (transaction: DatabaseSync) => Promise<Uint8Array>,
): Promise<Uint8Array | undefined> {
  const stored = rows.read(request);
  const checkpoint = (result: Uint8Array) =>
    transition(stored, { kind: "checkpoint", ...request, result }, clock.now());
  if (!checkpoint(new Uint8Array()).answer) return undefined;
  const kept = stored?.checkpoints[request.step];
  if (kept !== undefined) return kept;
  const result = await ended(database, async (transaction) => {
    const bytes = await work(transaction);
    return { keep: "commit", result: bytes, value: bytes };
  });
  const { record } = checkpoint(result.value);
  if (record !== undefined) rows.write(request, record);
  return result.value;
}

/** Runs work that has no key, inside an open transaction. */
export async function unkeyedWork<Value>(database: DatabaseSync, work: Work<Value>): Promise<Value> {
  return (await ended(database, work)).value;
}

/** Runs the work, and undoes its effects as far as it asks. */
async function ended<Value>(database: DatabaseSync, work: Work<Value>): Promise<TransactionEnding<Value>> {
  database.exec("SAVEPOINT once_again_work");
  const ending = await work(database);
  try {
    if (ending.keep === "answer-only") database.exec("ROLLBACK TO once_again_work");
    database.exec("RELEASE once_again_work");
  } catch (cause) {
    // The savepoint is gone, and with it the transaction that it was set in.
    throw new OnceAgainError(
      "ONCE_HANDLER_FAILED",
      "The handler ended the transaction it was given. Leave COMMIT and ROLLBACK to once-again: what it committed is " +
        "committed without its key.",
      { cause },
    );
  }
  if (ending.keep === "rollback") rollback(database);
  return ending;
}
