import type { TransactionAnswer, TransactionRequest } from "../store.ts";
import type { KeyRow } from "../sql-records.ts";
import type { CallersTransaction } from "./callers-transaction.ts";
import { keyedStatements } from "./keyed-statements.ts";
import { keepStatements, known } from "./keyed-work.ts";
import { savepoint } from "./sessions.ts";

/**
 * Carries an operation out once, inside a transaction of your own: its key and its result commit with whatever else the
 * transaction does, when you commit it. The tables are those of `postgresStore` (see its `migrate`), and a key is the
 * same key for both.
 *
 * What `work` throws undoes its writes and is thrown on; its key is not kept, and the transaction can go on.
 *
 * @param transaction your open transaction, by one of `fromPg`, `fromPostgresJs`, `fromKysely`, `fromDrizzle`,
 *   `fromKnex`. A connection without an open transaction is refused by the database (SQLSTATE 25P01).
 * @param work makes the effect through your transaction, and returns what a repeat is answered with.
 * @param options.tablePrefix as in `postgresStore`.
 * @returns `executed` with the result; `done` with the first result; `in-progress` (another transaction has the key, and
 *   nothing was waited for); `mismatch`; `abandoned`.
 * @throws OnceAgainError `ONCE_OPTION_INVALID`, `ONCE_KEY_INVALID`; what `work` throws; what the database says. Where
 *   the transaction is stricter than READ COMMITTED, that includes a conflict (40001, 23505): run the whole again.
 */
export async function onceWithin(
  transaction: CallersTransaction,
  request: TransactionRequest,
  work: () => Promise<Uint8Array>,
  options: { tablePrefix?: string } = {},
): Promise<TransactionAnswer<Uint8Array>> {
  const keyed = keyedStatements(options.tablePrefix ?? "once_again_");
  const [lock] = (await transaction(keyed.tryLock(request))) as { locked: boolean }[];
  const [row] = (await transaction(keyed.lookUp(request))) as KeyRow[];
  const answer = known(row, lock?.locked === true, request);
  if (answer !== undefined) return answer;
  await transaction(`SAVEPOINT ${savepoint}`);
  const result = await work().catch(async (error: unknown) => {
    await transaction(`ROLLBACK TO SAVEPOINT ${savepoint}`);
    throw error;
  });
  await transaction(`RELEASE SAVEPOINT ${savepoint}`);
  const kept = { ...request, owner: crypto.randomUUID(), result };
  for (const statement of keepStatements(keyed, row, kept)) await transaction(statement);
  return { kind: "executed", value: result };
}
