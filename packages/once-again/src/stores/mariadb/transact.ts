import { claimAnswer, inspectRow, type KeyRow } from "../sql/record-format.ts";
import type {
  Acquired,
  OnLateUse,
  ClaimAnswer,
  ClaimRequest,
  StepRequest,
  TransactionAnswer,
  TransactionEnding,
  TransactionRequest,
} from "../store.ts";
import type { MysqlConnection } from "./client.ts";
import { errorNumber, lockWaitTimeout } from "./errors.ts";
import { changed, checkpointValues, claimValues, namedBy } from "./leased-operations.ts";
import { lockName, withLock } from "./named-lock.ts";
import { lentQuery, type OpenSession, type Session } from "./sessions.ts";
import type { MariadbStatements } from "./statements.ts";
import { block, type Ended, inTransaction } from "./transactions.ts";
import { runWork, savepoint } from "./work.ts";

/** What the transactions of one store share. */
export interface TransactionContext<Connection> {
  open: OpenSession<Connection>;
  statements: MariadbStatements;
  /** The isolation of its transactions. */
  isolation: string;
  /** Begins a transaction: two statements. */
  begin: readonly string[];
  /** How long another's lock is waited for, milliseconds. */
  busyMsMax: number;
  /** Tells the locks of this store from those of another in the same server. */
  tablePrefix: string;
}

type Work<Connection, Value> = (connection: Connection) => Promise<TransactionEnding<Value>>;

/**
 * `transact` of the port. The claim of leased mode, not yet committed, is the lock: who meets it gets an error at once, and
 * it ends with the transaction, however that ends.
 */
export async function transact<Connection extends MysqlConnection, Value>(
  { open, statements, begin, isolation }: TransactionContext<Connection>,
  request: TransactionRequest,
  work: Work<Connection, Value>,
  onLateUse: OnLateUse | undefined,
): Promise<TransactionAnswer<Value>> {
  const claim = { ...request, owner: crypto.randomUUID(), leaseMs: 0 };
  let committed: TransactionAnswer<Value> | undefined;
  // The same claim again, whether it was committed with the work or not: it stays as a worker leaves it that died.
  const hold = async (): Promise<unknown> => lentQuery(open)(statements.claim(), claimValues(claim));
  const body = async (session: Session<Connection>, inDoubt: boolean): Promise<Ended<TransactionAnswer<Value>>> => {
    // The transaction in doubt has the row locked until it has ended: then the row tells how.
    const statement = inDoubt ? statements.claim() : statements.claimAtOnce;
    const claimed = await session
      .query(block([...begin, statement, `SAVEPOINT ${savepoint}`]), claimValues(claim))
      .catch((error: unknown) => {
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
    const answer = claimAnswer(row, claim);
    if (answer.kind !== "acquired") return { answer, rollBack: "unawaited" };
    const { keep, result, value } = await runWork(session, isolation, work, onLateUse);
    committed = { kind: "executed", value };
    if (keep === "rollback") return { answer: committed, rollBack: "awaited" };
    const end = keep === "commit" ? `RELEASE SAVEPOINT ${savepoint}` : `ROLLBACK TO SAVEPOINT ${savepoint}`;
    const values = [Buffer.from(result), request.retentionMs, ...namedBy(request), Buffer.from(claim.owner)];
    return { answer: committed, commit: [end, statements.store], values };
  };
  return inTransaction(open, true, body, hold);
}

/**
 * The answer to a claim whose row another has locked: one that runs, or only a repeat of what is done. The row as it was
 * committed tells which, and where it would be free, the other is taking it.
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
  const locked = withLock(open, lockName(context.tablePrefix, request), busyMsMax);
  return inTransaction<Connection, Uint8Array | undefined>(locked, true, async (session) => {
    const row = rowOf(
      await session.query(block([...begin, statements.lookUp, `SAVEPOINT ${savepoint}`]), namedBy(request)),
    );
    const found = row && inspectRow(row).record;
    const stored = found?.owner === request.owner ? found.checkpoints[request.step] : undefined;
    if (stored !== undefined) return { answer: stored, rollBack: "unawaited" };
    if (found?.owner !== request.owner || found.state === "done") return { answer: undefined, rollBack: "unawaited" };
    const step: Work<Connection, undefined> = async (connection) => {
      return { keep: "commit", result: await work(connection), value: undefined };
    };
    const { result } = await runWork(session, context.isolation, step, onLateUse);
    // Only now is the row locked.
    const owned = changed(await session.query(statements.checkpoint, checkpointValues(request, result)));
    if (!owned) return { answer: undefined, rollBack: "awaited" };
    return { answer: result, commit: [`RELEASE SAVEPOINT ${savepoint}`] };
  });
}

/** `transactUnkeyed` of the port. */
export async function transactUnkeyed<Connection extends MysqlConnection, Value>(
  { open, begin, isolation }: TransactionContext<Connection>,
  work: Work<Connection, Value>,
  onLateUse: OnLateUse | undefined,
): Promise<Value> {
  return inTransaction<Connection, Value>(open, false, async (session) => {
    await session.query(block([...begin, `SAVEPOINT ${savepoint}`]));
    const { keep, value } = await runWork(session, isolation, work, onLateUse);
    if (keep !== "commit") return { answer: value, rollBack: "awaited" };
    return { answer: value, commit: [`RELEASE SAVEPOINT ${savepoint}`] };
  });
}

/** The row that a block's only query gave. A block answers with what each of its queries gave, and how it ended. */
function rowOf(answer: unknown): KeyRow | undefined {
  return (answer as [KeyRow[], ...unknown[]])[0][0];
}
