import { AsyncLocalStorage } from "node:async_hooks";
import { OnceAgainError } from "../../core/errors.ts";
import { invalidOptionError, requireFunction } from "../../core/options.ts";
import { withOurNames } from "../sql/names.ts";
import type { TransactionAnswer, TransactionRequest } from "../store.ts";
import { type CallersTransaction, connectionOf } from "./callers-transaction.ts";
import { hasLostTransaction, rethrowExplained, sqlState } from "./errors.ts";
import { keyedStatements, keyRowOf, type RecordRow, type StatementsOfKey } from "./statements.ts";
import { storeStatements, existingAnswer } from "./transact.ts";

/** A handler's transaction refuses to have the store's own savepoint made anew. */
const savepoint = "within_once_again";

/** The operations that run on each connection, the innermost last. */
const running = new WeakMap<object, object[]>();
/** The operation that runs the current work. */
const asking = new AsyncLocalStorage<object>();

/**
 * Executes an operation once, inside a transaction of your own: its key and its result commit with whatever else the
 * transaction does, when you commit it. The tables are those of `postgresStore` (see its `migrate`), and a key is the
 * same key for both.
 *
 * When `work` throws, its writes are undone and the error is thrown on; its key is not stored, and the transaction can
 * go on. `work` must not end the transaction. If it does, the key is held: the operation is not run again until it is settled.
 *
 * @param transaction your open transaction, by one of `fromPg`, `fromPostgresJs`, `fromKysely`, `fromDrizzle`,
 *   `fromKnex`, `fromPrisma`, `fromTypeOrm`, `fromSequelize`, `fromMikroOrm`. A connection without an open transaction is refused by the database (SQLSTATE 25P01).
 * @param work makes the effect through your transaction, and returns what a repeat is answered with. Operations of one
 *   transaction run one after the other, or one inside the other.
 * @param options.tablePrefix as in `postgresStore`.
 * @returns `executed` with the result; `done` with the first result; `in-progress` (another transaction has the key, and
 *   nothing was waited for); `mismatch`; `abandoned`.
 * @throws OnceAgainError `ONCE_OPTION_INVALID`, `ONCE_KEY_INVALID`; `ONCE_HANDLER_FAILED` when `work` ended the
 *   transaction, or another operation runs on it already; `ONCE_STORE_UNAVAILABLE` when the tables are not there; what
 *   `work` throws; what the database says. Where the transaction is stricter than READ COMMITTED, that includes a
 *   conflict (40001, 23505): run the whole again.
 */
export async function onceWithin(
  transaction: CallersTransaction,
  request: TransactionRequest,
  work: () => Promise<Uint8Array>,
  options: { readonly tablePrefix?: string | undefined } = {},
): Promise<TransactionAnswer<Uint8Array>> {
  requireFunction("transaction", "an open transaction, such as fromPg(client)", transaction);
  requireFunction("work", "a function that makes the effect through your transaction", work);
  if (typeof request !== "object" || request === null)
    throw invalidOptionError("request", "an object { scope, key, fingerprint, retentionMs }", request);
  const key = keyedStatements(options.tablePrefix ?? "once_again_", false).of(request);
  const connection = connectionOf(transaction);
  const others = running.get(connection) ?? [];
  if (others.length > 0 && others.at(-1) !== asking.getStore()) throw twoAtOnce();
  const operation = {};
  running.set(connection, [...others, operation]);
  try {
    const renamed: CallersTransaction = async (statement) => withOurNames(await transaction(statement));
    return await asking.run(operation, () => executeOnce(renamed, key, request, work));
  } finally {
    running.set(connection, others);
  }
}

async function executeOnce(
  transaction: CallersTransaction,
  key: StatementsOfKey,
  request: TransactionRequest,
  work: () => Promise<Uint8Array>,
): Promise<TransactionAnswer<Uint8Array>> {
  const [lock] = (await transaction(key.tryLock())) as { locked: boolean }[];
  const [found] = (await transaction(key.lookUp()).catch(rethrowExplained)) as RecordRow[];
  const row = found && keyRowOf(found);
  const answer = existingAnswer(row, lock?.locked === true, request);
  if (answer !== undefined) return answer;
  await transaction(`SAVEPOINT ${savepoint}`);
  const owner = crypto.randomUUID();
  const end = async (statement: string): Promise<void> => {
    await transaction(statement).catch(async (error: unknown) => {
      if (!hasLostTransaction(error)) throw error;
      // Of the transaction that the work was given nothing is left. Whatever it began in its place is undone.
      await transaction("ROLLBACK");
      for (const held of [key.clear(), key.hold({ ...request, owner })]) await transaction(held);
      throw endedTransaction(error);
    });
  };
  const { fingerprint, retentionMs, details } = request;
  const result = await work().catch(async (error: unknown) => {
    await end(`ROLLBACK TO SAVEPOINT ${savepoint}`);
    await transaction(`RELEASE SAVEPOINT ${savepoint}`);
    throw error;
  });
  await end(`RELEASE SAVEPOINT ${savepoint}`).catch(async (error: unknown) => {
    // in_failed_sql_transaction: it can't tell whether its savepoint is there.
    if (sqlState(error) === "25P02") await end(`ROLLBACK TO SAVEPOINT ${savepoint}`);
    throw error;
  });
  for (const statement of storeStatements(key, row, { fingerprint, owner, result, retentionMs, details }))
    await transaction(statement);
  return { kind: "executed", value: result };
}

function endedTransaction(cause: unknown): OnceAgainError {
  return new OnceAgainError(
    "ONCE_HANDLER_FAILED",
    "The work ended the transaction that onceWithin runs in. What it wrote may be committed without its key, so its key " +
      "is held: it is not run again. Look its effect up, and settle the key (once-again keys). Commit after onceWithin has " +
      "ended.",
    { cause },
  );
}

function twoAtOnce(): OnceAgainError {
  return new OnceAgainError(
    "ONCE_HANDLER_FAILED",
    "Another operation runs on this transaction already, and nothing of this one was begun: a failure of either would undo " +
      "the other's writes. Wait for the first to end.",
  );
}
