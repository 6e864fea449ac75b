import type { Clock } from "../../core/clock.ts";
import { checkNames, type OptionNames } from "../../core/option-names.ts";
import { checkNumber, invalidOptionError } from "../../core/options.ts";
import { systemClock } from "../../core/system-clock.ts";
import { GuardedLibsqlTransaction, type LibsqlTransaction } from "../guard/libsql.ts";
import { markAnswer, type MarkRow } from "../sql/marks.ts";
import { checkpointText, claimAnswer, type KeyRow } from "../sql/record-format.ts";
import { abortedError, savepoint, savepointEnd, stepEnd, stepWork } from "../sql/run-transaction.ts";
import { bytesOf, keyOperations } from "../sql/sqlite-operations.ts";
import { type ExecuteSqlite, namedBy, ownedBy, sqliteStatements, type SqliteText } from "../sql/sqlite-statements.ts";
import type { OnLateUse, TransactionAnswer, TransactionalStore, TransactionEnding } from "../store.ts";
import { connectionQueue, type SqliteOptions, type TakeTurn, whenFree } from "./connection.ts";
import { schema } from "./schema.ts";
import { markText } from "./transact.ts";

/** The part of a client of `@libsql/client` that we use. */
export interface LibsqlClient<Transaction extends LibsqlTransaction> {
  readonly protocol: string;
  executeMultiple(text: string): Promise<void>;
  transaction(mode: "deferred"): Promise<Transaction>;
}

/** How a store shares the database of a client. */
export type LibsqlOptions = Pick<SqliteOptions, "busyMsMax" | "queueMax">;

/** One transaction of a client, with what is sent in it by the store itself. */
interface Session<Transaction> {
  readonly rowsOf: (...statement: SqliteText) => Promise<readonly unknown[]>;
  /** Runs a handler's work, with a guard of the transaction. */
  readonly run: <Value>(
    work: (transaction: Transaction) => Promise<TransactionEnding<Value>>,
    onLateUse: OnLateUse | undefined,
  ) => Promise<TransactionEnding<Value>>;
}

/** Runs work in one transaction, and commits it if the work says so. */
type InTransaction<Transaction> = <Answer>(
  body: (session: Session<Transaction>) => Promise<End<Answer>>,
) => Promise<Answer>;

/** The answer of a transaction, and whether it is committed. */
interface End<Answer> {
  readonly answer: Answer;
  readonly commits: boolean;
}

/**
 * A store on a client of `@libsql/client`. Its first operation makes the tables. Its operations come one after
 * the other; a lock that the client's other users have, or other processes, is asked for again until `busyMsMax` is over.
 */
export function libsqlStore<Transaction extends LibsqlTransaction>(
  client: LibsqlClient<Transaction>,
  options: LibsqlOptions,
): TransactionalStore<Transaction> & { readonly schemaSql: string } {
  const { protocol } = client;
  if (protocol !== "file") {
    const expected = "a client of @libsql/client on a file of this machine, or in memory";
    throw invalidOptionError("client", expected, `of a remote database (${protocol}), which is not supported`);
  }
  checkNames("sqliteStore", options, { busyMsMax: true, queueMax: true } satisfies OptionNames<LibsqlOptions>);
  const waitMsMax = checkNumber("busyMsMax", options.busyMsMax ?? 5000, { min: 0 });
  const queueMax = checkNumber("queueMax", options.queueMax ?? 10_000, { min: 1, integer: true });
  const clock: Clock = systemClock;
  const takeTurn = turnsAfter(
    connectionQueue(clock, { waitMsMax, queueMax }),
    // An error of the file is that of each operation until it works.
    () => whenFree(() => client.executeMultiple(`PRAGMA journal_mode = WAL;${schema}`), clock, waitMsMax),
  );
  const inTransaction: InTransaction<Transaction> = (body) =>
    takeTurn(async () => {
      const transaction = await whenFree(() => begin(client), clock, waitMsMax);
      try {
        const { answer, commits } = await body(sessionOn(transaction));
        if (commits) await transaction.commit();
        return answer;
      } finally {
        transaction.close();
      }
    });
  const execute: ExecuteSqlite = (statements) =>
    inTransaction(async ({ rowsOf }) => {
      const answer: (readonly unknown[])[] = [];
      for (const statement of statements) answer.push(await rowsOf(...statement));
      return { answer, commits: true };
    });

  return {
    survivesFailover: "yes",
    schemaSql: schema,
    ...keyOperations(execute, (result) => result),
    ...transactions(inTransaction),
    async moveMark(transaction, { scope, key, position, storedAt }) {
      const mover = crypto.randomUUID();
      const args = [scope, key, position, storedAt ?? null, mover];
      const { rows } = await transaction.execute({ sql: markText, args } as never);
      return markAnswer(rows[0] as MarkRow, mover);
    },
    // The client is its owner's.
    close: async () => undefined,
  };
}

/** The port's transactions, each in one of the client. */
function transactions<Transaction>(
  inTransaction: InTransaction<Transaction>,
): Pick<TransactionalStore<Transaction>, "transact" | "transactStep" | "transactUnkeyed"> {
  return {
    transact: (request, work, onLateUse) =>
      inTransaction(async ({ rowsOf, run }): Promise<End<TransactionAnswer<never>>> => {
        const { fingerprint, retentionMs, details = null } = request;
        const owner = crypto.randomUUID();
        const [row] = (await rowsOf(sqliteStatements.lookUp, ...namedBy(request))) as readonly KeyRow[];
        const known = row && claimAnswer(row, { ...request, owner, leaseMs: 0 });
        if (known !== undefined && known.kind !== "acquired") return { answer: known, commits: false };
        const { keep, result, value } = await run(work, onLateUse);
        const answer = { kind: "executed", value } as TransactionAnswer<never>;
        if (keep === "rollback") return { answer, commits: false };
        await rowsOf(savepointEnd(keep));
        await rowsOf(sqliteStatements.clear, ...namedBy(request));
        await rowsOf(sqliteStatements.store, ...namedBy(request), fingerprint, owner, result, retentionMs, details);
        return { answer, commits: true };
      }) as never,
    transactStep: (request, work, onLateUse) =>
      inTransaction<Uint8Array | undefined>(async ({ rowsOf, run }) => {
        const [row] = (await rowsOf(sqliteStatements.lookUp, ...namedBy(request))) as readonly KeyRow[];
        const end = stepEnd(row, request);
        if (end !== undefined) return { answer: end.answer, commits: false };
        const { result } = await run(stepWork(work), onLateUse);
        const text = checkpointText(request.step, result);
        const isOwned = (await rowsOf(sqliteStatements.checkpoint, ...ownedBy(request), text)).length > 0;
        return isOwned ? { answer: result, commits: true } : { answer: undefined, commits: false };
      }),
    transactUnkeyed: (work, onLateUse) =>
      inTransaction(async ({ run }) => {
        const { keep, value } = await run(work, onLateUse);
        return { answer: value, commits: keep === "commit" };
      }),
  };
}

/** Turns of which the first that succeeds was prepared. */
function turnsAfter(takeTurn: TakeTurn, prepare: () => Promise<void>): TakeTurn {
  let isPrepared = false;
  return (work) =>
    takeTurn(async () => {
      if (!isPrepared) await prepare();
      isPrepared = true;
      return work();
    });
}

/**
 * Begins a transaction that has the lock of the database, and makes the savepoint of the work.
 *
 * In libSQL 0.5 a prepared statement that found the lock taken stays in progress until it is collected as garbage, and until then its
 * connection commits nothing (tursodatabase/libsql-client-ts#352). One that `executeMultiple` sends does not: so the lock is taken
 * by such a one, which writes no row. The savepoint finds a connection that a statement of the client's user has left so.
 */
async function begin<Transaction extends LibsqlTransaction>(client: LibsqlClient<Transaction>): Promise<Transaction> {
  const transaction = await client.transaction("deferred");
  try {
    await transaction.executeMultiple(`DELETE FROM once_again_marks WHERE FALSE; SAVEPOINT ${savepoint}`);
    return transaction;
  } catch (error) {
    transaction.close();
    throw error;
  }
}

function sessionOn<Transaction extends LibsqlTransaction>(transaction: Transaction): Session<Transaction> {
  const rowsOf = async (sql: string, ...args: unknown[]): Promise<readonly unknown[]> =>
    (await transaction.execute({ sql, args } as never)).rows.map(readableRow);
  return {
    rowsOf,
    async run(work, onLateUse) {
      const guarded = new GuardedLibsqlTransaction(transaction, onLateUse);
      try {
        const ending = await work(guarded as unknown as Transaction);
        // SQLite rolls everything back over some failures, such as a full disk.
        if (transaction.closed && ending.keep !== "rollback") throw abortedError(ending.cause);
        return ending;
      } finally {
        guarded.end();
      }
    },
  };
}

/** A row with its blobs as bytes, and its integers as numbers, however the client is set up (`intMode`). */
function readableRow(row: unknown): unknown {
  return Object.fromEntries(
    Object.entries(row as object).map(([name, value]) => [
      name,
      typeof value === "bigint" || name === "attempt" ? Number(value) : bytesOf(value),
    ]),
  );
}
