import { claimAnswer, inspectedRow, type KeyRow } from "../sql-records.ts";
import type { StepRequest, TransactionAnswer, TransactionEnding, TransactionRequest } from "../store.ts";
import { isConflict } from "./errors.ts";
import type { KeyedStatements, KeptResult } from "./keyed-statements.ts";
import { checkpointValues } from "./leased-operations.ts";
import type { OpenSession } from "./sessions.ts";
import type { PostgresStatements } from "./statements.ts";
import { inTransaction, savepoint } from "./transactions.ts";

/** What the transactions of one store share. */
export interface Ground<Connection> {
  open: OpenSession<Connection>;
  statements: PostgresStatements;
  keyed: KeyedStatements;
  /** Begins a transaction, bounds its waits for locks. */
  begin: string;
  /** Makes a replay wait until a synchronous standby has what is replayed; empty where it need not. */
  touch: string;
}

type Work<Connection, Value> = (connection: Connection) => Promise<TransactionEnding<Value>>;

/** What stands in the way of an operation, if anything does: another one that holds its lock, or what it left. */
export function known(
  row: KeyRow | undefined,
  locked: boolean,
  request: TransactionRequest,
): Exclude<TransactionAnswer<never>, { kind: "executed" }> | undefined {
  const { scope, key, fingerprint, retentionMs } = request;
  // Nobody sees this claim before the commit, so it needs neither a lease nor a token that others know.
  const answer = row && claimAnswer(row, { scope, key, fingerprint, retentionMs, owner: "", leaseMs: 0 });
  if (answer !== undefined && answer.kind !== "acquired") return answer;
  return locked ? undefined : { kind: "in-progress", leaseMsLeft: 0 };
}

/** Keeps a result, in the place of an expired one if there is any. */
export function keepStatements(keyed: KeyedStatements, row: KeyRow | undefined, kept: KeptResult): string[] {
  return row === undefined ? [keyed.keep(kept)] : [keyed.clear(kept), keyed.keep(kept)];
}

/** `transact` of the port. */
export async function keyedWork<Connection, Value>(
  { open, keyed, begin, touch }: Ground<Connection>,
  request: TransactionRequest,
  work: Work<Connection, Value>,
): Promise<TransactionAnswer<Value>> {
  const owner = crypto.randomUUID();
  let committed: TransactionAnswer<Value> | undefined;
  return inTransaction<Connection, TransactionAnswer<Value>>(open, true, async (session, inDoubt) => {
    // The transaction in doubt holds the lock until it has ended: with the lock, the row tells how.
    const lock = inDoubt ? keyed.waitForLock(request) : keyed.tryLock(request);
    const opened = await session.query([begin, lock, keyed.lookUp(request), `SAVEPOINT ${savepoint}`].join("; "));
    const [[{ locked }], [row]] = opened as [[{ locked: boolean }], KeyRow[]];
    if (committed !== undefined && row?.owner === owner) return { answer: committed, rollBack: "unawaited" };
    const answer = known(row, locked, request);
    if (answer !== undefined) {
      return answer.kind === "done" && touch !== ""
        ? { answer, commit: `RELEASE SAVEPOINT ${savepoint}; ${touch}` }
        : { answer, rollBack: "unawaited" };
    }
    const { keep, result, value, cause } = await work(session.connection);
    if (isConflict(cause)) throw cause;
    committed = { kind: "executed", value };
    if (keep === "rollback") return { answer: committed, rollBack: "awaited" };
    const end = keep === "commit" ? `RELEASE SAVEPOINT ${savepoint}` : `ROLLBACK TO SAVEPOINT ${savepoint}`;
    const kept = { ...request, owner, result };
    return { answer: committed, commit: [end, ...keepStatements(keyed, row, kept)].join("; ") };
  });
}

/** `transactStep` of the port. */
export async function keyedStep<Connection>(
  { open, keyed, statements, begin }: Ground<Connection>,
  request: StepRequest,
  work: (connection: Connection) => Promise<Uint8Array>,
): Promise<Uint8Array | undefined> {
  return inTransaction<Connection, Uint8Array | undefined>(open, true, async (session) => {
    // A step that is asked for again waits for its first time to end, which may be pending.
    const opened = await session.query(
      [begin, keyed.waitForLock(request), keyed.lookUp(request), `SAVEPOINT ${savepoint}`].join("; "),
    );
    const [, [row]] = opened as [unknown, KeyRow[]];
    const found = row && inspectedRow(row).record;
    const kept = found?.owner === request.owner ? found.checkpoints[request.step] : undefined;
    if (kept !== undefined) return { answer: kept, rollBack: "unawaited" };
    if (found?.owner !== request.owner || found.state === "done") return { answer: undefined, rollBack: "unawaited" };
    const result = await work(session.connection);
    // Only now is the row locked, so that the lease can be renewed while the step runs.
    const [owned] = await session.query(statements.checkpoint, checkpointValues(request, result));
    if (owned === undefined) return { answer: undefined, rollBack: "awaited" };
    return { answer: result, commit: `RELEASE SAVEPOINT ${savepoint}` };
  });
}

/** `transactUnkeyed` of the port. */
export async function unkeyedWork<Connection, Value>(
  { open, begin }: Ground<Connection>,
  work: Work<Connection, Value>,
): Promise<Value> {
  return inTransaction<Connection, Value>(open, false, async (session) => {
    await session.query(`${begin}; SAVEPOINT ${savepoint}`);
    const { keep, value, cause } = await work(session.connection);
    if (isConflict(cause)) throw cause;
    if (keep !== "commit") return { answer: value, rollBack: "awaited" };
    return { answer: value, commit: `RELEASE SAVEPOINT ${savepoint}` };
  });
}
