import { markAnswer, type MarkRow, markStatement, onConflict } from "../sql/marks.ts";
import { storedName, tableName } from "../sql/names.ts";
import { claimAnswer, type KeyRow } from "../sql/record-format.ts";
import {
  runTransaction,
  runWork,
  savepointEnd,
  stepEnd,
  stepWork,
  unkeyedEnd,
  type Work,
} from "../sql/run-transaction.ts";
import type {
  MarkAnswer,
  MarkRequest,
  OnLateUse,
  StepRequest,
  TransactionAnswer,
  TransactionRequest,
} from "../store.ts";
import type { PostgresQuery } from "./client.ts";
import { explainErrors, isConflict, sqlState, transactionErrors as errors } from "./errors.ts";
import {
  type HeldKey,
  type KeyedStatements,
  keyRowOf,
  type PostgresStatements,
  type RecordRow,
  type StatementsOfKey,
  type StoredResult,
} from "./statements.ts";
import { checkpointValues } from "./leased-operations.ts";
import type { OpenSession, PostgresSession } from "./session.ts";

/** The parts that the transactions of one store share. */
export interface TransactionContext<Connection> {
  open: OpenSession<Connection>;
  /** Runs statements outside of every transaction. */
  query: PostgresQuery;
  statements: PostgresStatements;
  keyed: KeyedStatements;
  /** Makes a replay wait until a synchronous standby has what is replayed; empty where it need not. */
  touch: string;
}

/** The answer where something is in the way of an operation: another one that holds its lock, or what it left. */
export function existingAnswer(
  row: KeyRow | undefined,
  locked: boolean,
  request: TransactionRequest,
): Exclude<TransactionAnswer<never>, { kind: "executed" }> | undefined {
  const { scope, key, fingerprint, retentionMs } = request;
  // This claim is invisible before the commit, so it needs neither a lease nor a token that others know.
  const answer = row && claimAnswer(row, { scope, key, fingerprint, retentionMs, owner: "", leaseMs: 0 });
  if (answer !== undefined && answer.kind !== "acquired") return answer;
  return locked ? undefined : { kind: "in-progress", leaseMsLeft: 0 };
}

/** Stores a result, in the place of an expired one if there is any. */
export function storeStatements(key: StatementsOfKey, row: KeyRow | undefined, stored: StoredResult): string[] {
  return row === undefined ? [key.store(stored)] : [key.clear(), key.store(stored)];
}

/** `transact` of the port. */
export async function transact<Connection, Value>(
  { open, query, keyed, touch }: TransactionContext<Connection>,
  request: TransactionRequest,
  work: Work<Connection, Value>,
  onLateUse?: OnLateUse,
): Promise<TransactionAnswer<Value>> {
  const { fingerprint, retentionMs, heldRetentionMs, details } = request;
  const key = keyed.of(request);
  const owner = crypto.randomUUID();
  let committed: TransactionAnswer<Value> | undefined;
  return runTransaction<PostgresSession<Connection>, TransactionAnswer<Value>>({
    errors,
    recognizesItself: true,
    // The transaction in doubt holds the lock until it has ended: with the lock, the row shows how.
    open: (inDoubt) => open([inDoubt ? key.waitForLock() : key.tryLock(), key.lookUp()]),
    async body(session) {
      const [[{ locked }], [found]] = session.opened as [[{ locked: boolean }], RecordRow[]];
      const row = found && keyRowOf(found);
      if (committed !== undefined && row?.owner === owner) return { answer: committed, rollBack: "unawaited" };
      const answer = existingAnswer(row, locked, request);
      if (answer !== undefined) {
        return answer.kind === "done" && touch !== ""
          ? { answer, commit: [savepointEnd("commit"), touch] }
          : { answer, rollBack: "unawaited" };
      }
      const { keep, result, value } = await runWork(session, errors, work, onLateUse);
      committed = { kind: "executed", value };
      if (keep === "rollback") return { answer: committed, rollBack: "awaited" };
      const stored = { fingerprint, owner, result, retentionMs, details };
      return { answer: committed, commit: [savepointEnd(keep), ...storeStatements(key, row, stored)] };
    },
    hold: () => holdKey(query, key, { fingerprint, owner, heldRetentionMs, details }),
  });
}

/** How often a held key is written that is outrun by others. */
const holdsMax = 5;

/** Writes a key that must not run again: running, with its lease over. One that is there already stays. */
async function holdKey(query: PostgresQuery, key: StatementsOfKey, held: HeldKey): Promise<void> {
  for (let asked = 1; ; asked += 1) {
    try {
      await query(`${key.clear()}; ${key.hold(held)}`);
      return;
    } catch (error) {
      if (!isConflict(error) || asked === holdsMax) throw error;
    }
  }
}

/** `transactStep` of the port. */
export async function transactStep<Connection>(
  { open, keyed, statements }: TransactionContext<Connection>,
  request: StepRequest,
  work: (connection: Connection) => Promise<Uint8Array>,
  onLateUse?: OnLateUse,
): Promise<Uint8Array | undefined> {
  const key = keyed.of(request);
  return runTransaction<PostgresSession<Connection>, Uint8Array | undefined>({
    errors,
    recognizesItself: true,
    // A step that is asked for again waits for its first time to end, which may be pending.
    open: () => open([key.waitForLock(), key.lookUp()]),
    async body(session) {
      const [, [found]] = session.opened as [unknown, RecordRow[]];
      const end = stepEnd(found && keyRowOf(found), request);
      if (end !== undefined) return end;
      const { result } = await runWork(session, errors, stepWork(work), onLateUse);
      // Only now is the row locked, so that the lease can be renewed while the step runs.
      const [owned] = await session.query(statements.checkpoint, checkpointValues(request, result));
      if (owned === undefined) return { answer: undefined, rollBack: "awaited" };
      return { answer: result, commit: [savepointEnd("commit")] };
    },
  });
}

/** `transactUnkeyed` of the port. */
export async function transactUnkeyed<Connection, Value>(
  { open }: TransactionContext<Connection>,
  work: Work<Connection, Value>,
  onLateUse?: OnLateUse,
): Promise<Value> {
  return runTransaction<PostgresSession<Connection>, Value>({
    errors,
    recognizesItself: false,
    open: () => open([]),
    body: async (session) => unkeyedEnd(await runWork(session, errors, work, onLateUse)),
  });
}

/** Moves marks within a transaction, in one statement, which waits for another's lock as long as the transaction does. */
export function markMover<Transaction>(
  prefix: string,
  queryIn: (transaction: Transaction) => PostgresQuery,
): (transaction: Transaction, request: MarkRequest) => Promise<MarkAnswer> {
  const statement = markStatement(tableName(prefix, "marks"), {
    onConflict,
    given: (column) => `excluded.${column}`,
    parameters: "$1::text, $2::text, $3::bigint, $4::bigint, $5::text",
    key: "key",
  });
  return async (transaction, request) => {
    const { scope, key } = storedName(request);
    const mover = crypto.randomUUID();
    const values = [scope, key, request.position, request.storedAt ?? null, mover];
    try {
      const [row] = await explainErrors(queryIn(transaction))(statement, values);
      return markAnswer(row as MarkRow, mover);
    } catch (error) {
      // lock_not_available
      if (sqlState(error) === "55P03") return { kind: "locked" };
      throw error;
    }
  };
}
