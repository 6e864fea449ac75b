import { hash } from "node:crypto";
import { markAnswer, type MarkRow, markStatement } from "../sql/marks.ts";
import { notMigratedError, tableName } from "../sql/names.ts";
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
  Acquired,
  ClaimAnswer,
  ClaimRequest,
  MarkAnswer,
  MarkRequest,
  OnLateUse,
  RecordName,
  StepRequest,
  TransactionAnswer,
  TransactionRequest,
} from "../store.ts";
import { type MysqlConnection, mysqlQuery } from "./client.ts";
import { errorNumber, lockWaitTimeout, noSuchTable, transactionErrors as errors, unavailableError } from "./errors.ts";
import { answerOfClaim, changed, checkpointValues, claimValues, namedBy, takeOverValues } from "./leased-operations.ts";
import { type MariadbSession, type OpenSession, sessionQuery } from "./session.ts";
import { type MariadbStatements, waitingFor } from "./statements.ts";

/** The parts that the transactions of one store share. */
export interface TransactionContext<Connection> {
  open: OpenSession<Connection>;
  statements: MariadbStatements;
  /** Begins a transaction: two statements. */
  begin: readonly string[];
  /** How long another's lock is waited for, milliseconds. */
  busyMsMax: number;
  /** Distinguishes the locks of this store from those of another in the same server. */
  tablePrefix: string;
}

/**
 * `transact` of the port. The claim of leased mode, not yet committed, is the lock: who meets it gets an error at once, and
 * it ends with the transaction, however that ends.
 */
export async function transact<Connection extends MysqlConnection, Value>(
  { open, statements, begin, busyMsMax }: TransactionContext<Connection>,
  request: TransactionRequest,
  work: Work<Connection, Value>,
  onLateUse: OnLateUse | undefined,
): Promise<TransactionAnswer<Value>> {
  const claim = { ...request, owner: crypto.randomUUID(), leaseMs: 0 };
  const patience = Math.ceil(busyMsMax / 1000);
  let committed: TransactionAnswer<Value> | undefined;
  return runTransaction<MariadbSession<Connection>, TransactionAnswer<Value>>({
    errors,
    recognizesItself: true,
    open: () => open(),
    async body(session, inDoubt) {
      // The transaction in doubt has the row locked until it has ended: then the row shows how.
      const statement = waitingFor(inDoubt ? patience : 0, statements.claim(1));
      const claimed = await session.begin([...begin, statement], claimValues(claim)).catch((error: unknown) => {
        if (!inDoubt && errorNumber(error) === lockWaitTimeout) return undefined;
        throw error;
      });
      if (claimed === undefined) {
        const [stored] = (await session.query(statements.lookUp, namedBy(claim))) as KeyRow[];
        return { answer: existingAnswer(stored, claim), rollBack: "unawaited" };
      }
      const row = rowOf(claimed)!;
      if (committed !== undefined && row.state === "done" && row.owner === claim.owner) {
        return { answer: committed, rollBack: "unawaited" };
      }
      const answer = answerOfClaim(row, claim);
      // Its row is locked, and the savepoint of the work comes after it has been taken over.
      if (answer === undefined) await session.begin([statements.takeOver], takeOverValues(claim));
      else if (answer.kind !== "acquired") return { answer, rollBack: "unawaited" };
      const { keep, result, value } = await runWork(session, errors, work, onLateUse);
      committed = { kind: "executed", value };
      if (keep === "rollback") return { answer: committed, rollBack: "awaited" };
      const values = [Buffer.from(result), request.retentionMs, ...namedBy(request), Buffer.from(claim.owner)];
      return { answer: committed, commit: [savepointEnd(keep), statements.store], values };
    },
    // The same claim again, whether it was committed with the work or not: it stays as a worker leaves it that died.
    hold: () => sessionQuery(open)(waitingFor(patience, statements.takeOver), takeOverValues(claim)),
  });
}

/**
 * The answer to a claim when another has locked its row: one that runs, or only a repeat of what is done. The row as it was
 * committed shows which, and where it would be free, the other is taking it.
 */
function existingAnswer(row: KeyRow | undefined, claim: ClaimRequest): Exclude<ClaimAnswer, Acquired> {
  const answer = row && claimAnswer(row, claim);
  return answer === undefined || answer.kind === "acquired" ? { kind: "in-progress", leaseMsLeft: 0 } : answer;
}

/**
 * `transactStep` of the port. A step that is asked for again waits for its first time to end, by a lock of the
 * connection (GET_LOCK): with one of the row, the lease could not be renewed while the step runs.
 */
export async function transactStep<Connection extends MysqlConnection>(
  context: TransactionContext<Connection>,
  request: StepRequest,
  work: (connection: Connection) => Promise<Uint8Array>,
  onLateUse: OnLateUse | undefined,
): Promise<Uint8Array | undefined> {
  const { open, statements, begin, busyMsMax } = context;
  const openLocked = withLock(open, lockName(context.tablePrefix, request), busyMsMax);
  return runTransaction<MariadbSession<Connection>, Uint8Array | undefined>({
    errors,
    recognizesItself: true,
    open: () => openLocked(),
    async body(session) {
      const end = stepEnd(rowOf(await session.begin([...begin, statements.lookUp], namedBy(request))), request);
      if (end !== undefined) return end;
      const { result } = await runWork(session, errors, stepWork(work), onLateUse);
      // Only now is the row locked.
      const isOwned = changed(await session.query(statements.checkpoint, checkpointValues(request, result)));
      if (!isOwned) return { answer: undefined, rollBack: "awaited" };
      return { answer: result, commit: [savepointEnd("commit")] };
    },
  });
}

/** `transactUnkeyed` of the port. */
export async function transactUnkeyed<Connection extends MysqlConnection, Value>(
  { open, begin }: TransactionContext<Connection>,
  work: Work<Connection, Value>,
  onLateUse: OnLateUse | undefined,
): Promise<Value> {
  return runTransaction<MariadbSession<Connection>, Value>({
    errors,
    recognizesItself: false,
    open: () => open(),
    async body(session) {
      await session.begin(begin);
      return unkeyedEnd(await runWork(session, errors, work, onLateUse));
    },
  });
}

/** The row that a block's only query gave. A block answers with what each of its queries gave, and how it ended. */
function rowOf(answer: unknown): KeyRow | undefined {
  return (answer as [KeyRow[], ...unknown[]])[0][0];
}

/** Moves marks within a transaction, in one statement. */
export function markMover(
  prefix: string,
  busyMsMax: number,
): (transaction: MysqlConnection, request: MarkRequest) => Promise<MarkAnswer> {
  const moved = markStatement(tableName(prefix, "marks"), {
    onConflict: "ON DUPLICATE KEY UPDATE",
    given: (column) => `VALUES(${column})`,
    parameters: "?, ?, ?, ?, ?",
    key: "`key`",
  });
  const statement = waitingFor(Math.ceil(busyMsMax / 1000), moved);
  return async (transaction, request) => {
    const mover = crypto.randomUUID();
    const values = [...namedBy(request), request.position, request.storedAt ?? null, Buffer.from(mover)];
    try {
      const [row] = (await mysqlQuery(transaction)(statement, values)) as [MarkRow & { mover: Buffer }];
      return markAnswer({ ...row, mover: row.mover.toString() }, mover);
    } catch (error) {
      if (errorNumber(error) === lockWaitTimeout) return { kind: "locked" };
      throw errorNumber(error) === noSuchTable ? notMigratedError("MariaDB", error) : error;
    }
  };
}

/** The name of a key's lock: at most 64 characters, so a hash. */
export function lockName(tablePrefix: string, { scope, key }: RecordName): string {
  return hash("sha256", JSON.stringify([tablePrefix, scope, key]), "hex");
}

/**
 * Sessions that hold a named lock (GET_LOCK) until they are given back. It is the connection's, not a transaction's, so
 * a connection that can't let it go is closed.
 *
 * @returns a function that throws `ONCE_STORE_UNAVAILABLE` when another held the lock for `waitMsMax` milliseconds.
 */
export function withLock<Connection>(
  open: OpenSession<Connection>,
  lock: string,
  waitMsMax: number,
): OpenSession<Connection> {
  const unlock = `DO RELEASE_LOCK('${lock}')`;
  return async () => {
    const session = await open(unlock);
    const locking = session.query(`SELECT GET_LOCK('${lock}', ${waitMsMax / 1000}) AS free`);
    const [answer] = (await locking.catch((error: unknown) => {
      session.destroy();
      throw error;
    })) as { free: unknown }[];
    if (answer?.free === 1) return session;
    session.giveBack();
    throw unavailableError("another has the key's lock");
  };
}
