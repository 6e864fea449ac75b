import { OnceAgainError } from "../../core/errors.ts";
import { TransactionGuard } from "../guard/guard.ts";
import { transactionControls } from "../guard/sql-control.ts";
import { storedText } from "../sql/names.ts";
import { checkRowSize } from "../sql/row-size.ts";
import { checkpointText, claimAnswer, type KeyRow, readRow } from "../sql/record-format.ts";
import type { OnLateUse, StepRequest, TransactionAnswer, TransactionEnding, TransactionRequest } from "../store.ts";
import { transition } from "../transition.ts";
import {
  sqliteStatements,
  type SqliteText,
  type ExecuteSqlite,
  failUnless,
  namedBy,
  ownedBy,
} from "../sql/sqlite-statements.ts";

/**
 * The writes of one operation. D1 has no open transactions: they are collected, and executed with key and result in one batch
 * when the handler has ended, all of them or none. Read by your own binding, `env.DB`.
 */
export interface D1Transaction {
  /**
   * Adds a statement; `?` stands for a value. It has no result: it is executed when the handler has ended.
   *
   * @throws OnceAgainError `ONCE_HANDLER_FAILED` for BEGIN, COMMIT and their like; `ONCE_OPERATION_ENDED` after the end.
   */
  run(text: string, ...values: unknown[]): void;
  /**
   * Has all of it come to nothing unless a condition holds when it is executed, after the statements before: the handler is then
   * run again, up to 5 times in all. What a handler has read may have changed by then.
   *
   * @param condition an expression of SQL, such as `(SELECT balance FROM accounts WHERE id = ?) >= ?`; neither 0 nor null.
   */
  require(condition: string, ...values: unknown[]): void;
}

type Work<Value> = (transaction: D1Transaction) => Promise<TransactionEnding<Value>>;

/** How often work runs in all, where its condition did not hold, or its key came and went. */
const runsMax = 5;

export async function transact<Value>(
  execute: ExecuteSqlite,
  request: TransactionRequest,
  work: Work<Value>,
  onLateUse: OnLateUse | undefined,
): Promise<TransactionAnswer<Value>> {
  const { fingerprint, retentionMs, details = null } = request;
  // By its token a batch with a lost answer is recognised.
  const owner = crypto.randomUUID();
  const lookUp = async (): Promise<TransactionAnswer<Value> | KeyRow | undefined> => {
    const [row] = (await execute([[sqliteStatements.lookUp, ...namedBy(request)]]))[0] as readonly KeyRow[];
    if (row === undefined || row.owner === owner) return row;
    const answer = claimAnswer(row, { ...request, owner, leaseMs: 0 });
    return answer.kind === "acquired" ? undefined : answer;
  };
  return againInConflict(async () => {
    const known = await lookUp();
    if (known !== undefined && "kind" in known) return known;
    const { ending, writes } = await runWork(work, onLateUse);
    const executed = { kind: "executed", value: ending.value } as const;
    if (ending.keep === "rollback") return executed;
    checkRowSize(ending.result);
    const statements: SqliteText[] = [
      [sqliteStatements.clear, ...namedBy(request)],
      [sqliteStatements.store, ...namedBy(request), fingerprint, owner, ending.result, retentionMs, details],
      ...(ending.keep === "commit" ? writes : []),
    ];
    try {
      await execute(statements);
      return executed;
    } catch (error) {
      const found = await lookUp();
      if (found !== undefined) return "kind" in found ? found : executed;
      throw failedBatch(error);
    }
  });
}

export async function transactStep(
  execute: ExecuteSqlite,
  request: StepRequest,
  work: (transaction: D1Transaction) => Promise<Uint8Array>,
  onLateUse: OnLateUse | undefined,
): Promise<Uint8Array | undefined> {
  /** The step's checkpoint; `undefined`: it has none. `false`: the operation is no longer this owner's. */
  const lookUp = async (): Promise<Uint8Array | undefined | false> => {
    const [row] = (await execute([[sqliteStatements.lookUp, ...namedBy(request)]]))[0] as readonly KeyRow[];
    if (row === undefined) return false;
    const record = readRow(row);
    const step = { kind: "checkpoint", ...request, result: new Uint8Array() } as const;
    return transition(record, step, Number(row.ms)).answer && record.checkpoints[request.step];
  };
  return againInConflict(async () => {
    const known = await lookUp();
    if (known !== undefined) return known === false ? undefined : known;
    const { ending, writes } = await runWork(async (transaction) => {
      const result = await work(transaction);
      return { keep: "commit", result, value: result };
    }, onLateUse);
    try {
      await execute([
        [sqliteStatements.stepGuard, ...ownedBy(request), storedText(request.step)],
        [sqliteStatements.checkpoint, ...ownedBy(request), checkpointText(request.step, ending.result)],
        ...writes,
      ]);
      return ending.result;
    } catch (error) {
      const found = await lookUp();
      if (found !== undefined) return found === false ? undefined : found;
      throw failedBatch(error);
    }
  });
}

export async function transactUnkeyed<Value>(
  execute: ExecuteSqlite,
  work: Work<Value>,
  onLateUse: OnLateUse | undefined,
): Promise<Value> {
  return againInConflict(async () => {
    const { ending, writes } = await runWork(work, onLateUse);
    if (ending.keep !== "commit" || writes.length === 0) return ending.value;
    await execute(writes).catch((error: unknown) => {
      throw failedBatch(error);
    });
    return ending.value;
  });
}

/** Runs the work, and collects what it writes. */
async function runWork<Value>(
  work: Work<Value>,
  onLateUse: OnLateUse | undefined,
): Promise<{ ending: TransactionEnding<Value>; writes: readonly SqliteText[] }> {
  const guard = new TransactionGuard("sqlite", undefined, onLateUse);
  const writes: SqliteText[] = [];
  const transaction: D1Transaction = {
    run(text, ...values) {
      guard.enter();
      if (transactionControls(text, "sqlite").length > 0)
        throw handlerFailed(`sent ${text}, and D1 has no open transactions`);
      writes.push([text, ...values]);
    },
    require(condition, ...values) {
      guard.enter();
      writes.push([failUnless(condition), ...values]);
    },
  };
  try {
    return { ending: await work(transaction), writes };
  } finally {
    guard.end();
  }
}

function handlerFailed(what: string, cause?: unknown): OnceAgainError {
  return new OnceAgainError("ONCE_HANDLER_FAILED", `The handler ${what}. Nothing of it was executed.`, { cause });
}

/** A batch that came to nothing since a condition did not hold, of the handler or of its key. */
class ConflictError extends Error {}

/** The meaning of a batch that failed: D1 names SQLite's code where SQLite refused it, and then nothing was executed. */
function failedBatch(error: unknown): unknown {
  const text = String(error);
  if (!/SQLITE_(?:CONSTRAINT|ERROR|MISMATCH|RANGE|TOOBIG|AUTH)/.test(text)) return error;
  if (/constraint failed: once_again_keys\./.test(text)) return new ConflictError(text, { cause: error });
  return handlerFailed("wrote what D1 refused", error);
}

async function againInConflict<Answer>(attempt: () => Promise<Answer>): Promise<Answer> {
  let conflict: ConflictError | undefined;
  for (let run = 1; run <= runsMax; run += 1) {
    try {
      return await attempt();
    } catch (error) {
      if (!(error instanceof ConflictError)) throw error;
      conflict = error;
    }
  }
  throw new OnceAgainError(
    "ONCE_STORE_UNAVAILABLE",
    `What the handler requires did not hold ${runsMax} times. Nothing happened: ask again later.`,
    { cause: conflict },
  );
}
