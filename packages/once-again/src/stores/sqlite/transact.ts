import type { DatabaseSync } from "node:sqlite";
import { markAnswer, type MarkRow, markStatement, onConflict } from "../sql/marks.ts";
import {
  abortedError,
  escapedError,
  savepoint,
  savepointEnd,
  stepWork,
  type Work as WorkOn,
} from "../sql/run-transaction.ts";
import type {
  MarkAnswer,
  MarkRequest,
  OnLateUse,
  StepRequest,
  TransactionAnswer,
  TransactionEnding,
  TransactionRequest,
} from "../store.ts";
import { transition } from "../transition.ts";
import { begin, isUnknownSavepoint, rollback, type SqliteConnection } from "./connection.ts";
import { SqliteGuard, SqliteTransaction } from "../guard/node-sqlite.ts";
import type { KeyTable } from "../sql/sqlite-keys.ts";

/** The connection with the open transaction, and what is needed to read and write records on it. */
export type TransactionContext = Pick<SqliteConnection<KeyTable>, "database" | "prepared" | "clock" | "busyMsMax">;

type Work<Value> = WorkOn<DatabaseSync, Value>;

/**
 * Runs the work of a key that is seen for the first time and keeps its result, inside an open transaction; it changes
 * nothing when the key is known.
 */
export async function transact<Value>(
  context: TransactionContext,
  request: TransactionRequest,
  work: Work<Value>,
  onLateUse: OnLateUse | undefined,
): Promise<TransactionAnswer<Value>> {
  const { database, prepared: table, clock } = context;
  // This claim is invisible before the commit, so it needs neither a lease nor its own token.
  const owner = "";
  const claim = { kind: "claim", ...request, owner, leaseMs: 0 } as const;
  const stored = table.read(request);
  const startedAt = clock.now();
  const { answer } = transition(stored, claim, startedAt);
  if (answer.kind !== "acquired") return answer;
  const { keep, result, value } = await runWork(database, work, onLateUse, () => holdKey(context, request));
  if (keep !== "rollback") {
    // Of the time at which the work ended: it may have taken longer than its result is stored.
    const now = Math.max(startedAt, clock.now());
    const { record } = transition(stored, claim, now);
    const completed = transition(record, { kind: "complete", ...request, owner, result }, now).record;
    if (completed !== undefined) table.write(request, completed);
  }
  return { kind: "executed", value };
}

/**
 * Runs one step of a leased operation and keeps its checkpoint, inside an open transaction; it changes nothing when the
 * operation is no longer the owner's.
 */
export async function transactStep(
  { database, prepared: table, clock }: TransactionContext,
  request: StepRequest,
  work: (transaction: DatabaseSync) => Promise<Uint8Array>,
  onLateUse: OnLateUse | undefined,
): Promise<Uint8Array | undefined> {
  const stored = table.read(request);
  const checkpoint = (result: Uint8Array) =>
    transition(stored, { kind: "checkpoint", ...request, result }, clock.now());
  if (!checkpoint(new Uint8Array()).answer) return undefined;
  const earlier = stored?.checkpoints[request.step];
  if (earlier !== undefined) return earlier;
  const { result } = await runWork(database, stepWork(work), onLateUse);
  const { record } = checkpoint(result);
  if (record !== undefined) table.write(request, record);
  return result;
}

/** Runs work that has no key, inside an open transaction. */
export async function transactUnkeyed<Value>(
  { database }: TransactionContext,
  work: Work<Value>,
  onLateUse: OnLateUse | undefined,
): Promise<Value> {
  return (await runWork(database, work, onLateUse)).value;
}

/**
 * Runs the work, and undoes its effects as far as it asks. What it was given is of no use from then on.
 *
 * @param hold sees to it that work which ended its transaction does not run again; missing where nothing can.
 */
async function runWork<Value>(
  database: DatabaseSync,
  work: Work<Value>,
  onLateUse: OnLateUse | undefined,
  hold?: () => Promise<void>,
): Promise<TransactionEnding<Value>> {
  database.exec(`SAVEPOINT ${savepoint}`);
  const guard = new SqliteGuard(database, onLateUse);
  const transaction = new SqliteTransaction(guard);
  let cause: unknown;
  try {
    const ending = await work(transaction);
    guard.end();
    const isRolledBack = guard.isRolledBack && ending.keep === "rollback";
    if (isRolledBack || endSavepoint(database, ending.keep === "answer-only" ? "answer-only" : "commit")) {
      if (ending.keep === "rollback") rollback(database);
      return ending;
    }
  } catch (error) {
    guard.end();
    if (guard.isRolledBack || endSavepoint(database, "answer-only")) throw error;
    cause = error;
  }
  rollback(database);
  throw guard.isRolledBack ? abortedError() : await escapedError(hold, cause);
}

/** Ends the savepoint, and says whether it was still there: it goes with the transaction that it was set in. */
function endSavepoint(database: DatabaseSync, keep: "commit" | "answer-only"): boolean {
  try {
    database.exec(savepointEnd(keep));
    return true;
  } catch (error) {
    if (isUnknownSavepoint(error)) return false;
    throw error;
  }
}

/** Leaves the key as a worker leaves it that died: the outcome is unknown. Only where no other has it by now. */
async function holdKey(
  { database, prepared: table, clock, busyMsMax }: TransactionContext,
  request: TransactionRequest,
): Promise<void> {
  await begin(database, clock, busyMsMax);
  const stored = table.read(request);
  const owner = crypto.randomUUID();
  const { record } = transition(stored, { kind: "claim", ...request, owner, leaseMs: 0 }, clock.now());
  if (record !== undefined && record !== stored) table.write(request, record);
  database.exec("COMMIT");
}

/** Moves a mark: scope, key, position, time, mover. */
export const markText = markStatement("once_again_marks", {
  onConflict,
  given: (column) => `excluded.${column}`,
  parameters: "?, ?, ?, ?, ?",
  key: "key",
});

/** Moves a mark within a transaction, which no other connection can have at the time. */
export function moveMark(transaction: DatabaseSync, { scope, key, position, storedAt }: MarkRequest): MarkAnswer {
  const mover = crypto.randomUUID();
  const row = transaction.prepare(markText).get(scope, key, position, storedAt ?? null, mover);
  return markAnswer(row as unknown as MarkRow, mover);
}
