import type { DatabaseSync } from "node:sqlite";
import type { Clock } from "../../core/clock.ts";
import { OnceAgainError } from "../../core/errors.ts";
import type { TransactionAnswer, TransactionEnding, TransactionRequest } from "../store.ts";
import { transition } from "../transition.ts";
import type { Rows } from "./rows.ts";
import { rollback } from "./transactions.ts";

type Work<Value> = (transaction: DatabaseSync) => Promise<TransactionEnding<Value>>;

/**
 * Runs the work of a key that is seen for the first time and keeps its result, inside an open transaction; it changes
 * nothing when the key is known.
 */
export async function keyedWork<Value>(
  { database, rows, clock }: { database: DatabaseSync; rows: Rows; clock: Clock },
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

/** Runs work that has no key, inside an open transaction. */
export async function unkeyedWork<Value>(database: DatabaseSync, work: Work<Value>): Promise<Value> {
  return (await ended(database, work)).value;
}

/** Runs the work, and undoes its effects as far as it asks. */
async function ended<Value>(database: DatabaseSync, work: Work<Value>): Promise<TransactionEnding<Value>> {
  database.exec("SAVEPOINT once_again_work");
  const ending = await work(database);
  if (!database.isTransaction) {
    throw new OnceAgainError(
      "ONCE_HANDLER_FAILED",
      "The handler ended the transaction it was given. Leave COMMIT and ROLLBACK to once-again: what it did before " +
        "is committed without its key.",
    );
  }
  if (ending.keep === "answer-only") database.exec("ROLLBACK TO once_again_work");
  if (ending.keep === "rollback") rollback(database);
  return ending;
}
