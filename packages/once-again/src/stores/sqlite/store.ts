import type { DatabaseSync } from "node:sqlite";
import { hasMethod } from "../../core/duck-typing.ts";
import type { LibsqlTransaction } from "../guard/libsql.ts";
import { checkListRequest } from "../list-records.ts";
import { type AnswerTo, inspectRecord, isExpired, type Operation, recordOperations } from "../transition.ts";
import type { TransactionalStore } from "../store.ts";
import { sqliteConnection, type SqliteOptions, type TakeTurn } from "./connection.ts";
import { batchOperations, recordWriter } from "./group-commit.ts";
import { type LibsqlClient, type LibsqlOptions, libsqlStore } from "./libsql.ts";
import { moveMark, transact, transactStep, transactUnkeyed } from "./transact.ts";
import { keyTable } from "../sql/sqlite-keys.ts";
import { schema, upgradeSchema } from "./schema.ts";

/** How a store opens its database: your own file, so that key and effect commit together. */
export type SqliteStoreOptions = SqliteOptions;

/** A store in a SQLite file. */
export interface SqliteStore<Transaction = DatabaseSync> extends TransactionalStore<Transaction> {
  /** The statements that make its tables, which opening the store has run; on libSQL, its first operation runs them. */
  readonly schemaSql: string;
}

/**
 * A store in a SQLite file (WAL, `synchronous=FULL`): an acknowledged claim or result survives a crash of the process,
 * and of the machine as far as its disk keeps what it acknowledges.
 *
 * It opens its own connection, which a transaction owns while it runs: one writer at a time, as SQLite has it.
 * Handlers write through what they are given: a `DatabaseSync` that is good until their operation ends, and on which BEGIN,
 * COMMIT and ROLLBACK are savepoints. Reading elsewhere, on your own connections, is always fine.
 *
 * @example
 * ```ts
 * const store = sqliteStore({ path: "shop.db" });
 * const handler = onceWeb({ mode: "transactional", store, scope: "public" }, async (request, { transaction }) => {
 *   transaction.prepare("INSERT INTO orders (item) VALUES (?)").run(await request.text());
 *   return new Response("created", { status: 201 });
 * });
 * ```
 * @throws OnceAgainError `ONCE_OPTION_INVALID`; what `node:sqlite` throws when the file can't be opened.
 */
export function sqliteStore(options: SqliteStoreOptions): SqliteStore;
/**
 * The same by a client of `@libsql/client`, 0.18 or later, on a file of this machine or in memory. Handlers write through the
 * `Transaction` that they are given. All times are the database's. A remote database is refused: its client's `protocol` says so. An embedded
 * replica (`syncUrl`) looks like a file, and was never run: its writes go over the network.
 *
 * The store's operations come one after the other; a lock that others have is asked for again until `busyMsMax` is over. The
 * client stays yours: the store does not close it.
 *
 * @example
 * ```ts
 * const store = sqliteStore(createClient({ url: "file:shop.db" }));
 * const handler = onceWeb({ mode: "transactional", store, scope: "public" }, async (request, { transaction }) => {
 *   await transaction.execute({ sql: "INSERT INTO orders (item) VALUES (?)", args: [await request.text()] });
 *   return new Response("created", { status: 201 });
 * });
 * ```
 * @throws OnceAgainError `ONCE_OPTION_INVALID`, also for a client of a remote database.
 */
export function sqliteStore<Transaction extends LibsqlTransaction>(
  client: LibsqlClient<Transaction>,
  options?: LibsqlOptions,
): SqliteStore<Transaction>;
export function sqliteStore(
  options: SqliteStoreOptions | LibsqlClient<LibsqlTransaction>,
  ofClient: LibsqlOptions = {},
): SqliteStore | SqliteStore<LibsqlTransaction> {
  if (hasMethod(options, "executeMultiple")) {
    return libsqlStore(options as LibsqlClient<LibsqlTransaction>, ofClient);
  }
  return fileStore(options as SqliteStoreOptions);
}

function fileStore(options: SqliteStoreOptions): SqliteStore {
  const connection = sqliteConnection(
    options,
    schema,
    (database) => keyTable((text) => database.prepare(text)),
    upgradeSchema,
  );
  const { prepared: table, clock, committed, queueMax } = connection;
  const { ask, takeTurn } = batchOperations(connection.takeTurn, queueMax, recordWriter(connection));
  const apply = async <Asked extends Operation>(operation: Asked) => (await ask(operation)) as AnswerTo<Asked>;
  const transaction: TakeTurn = (work) => takeTurn(() => committed(work));

  return {
    survivesFailover: "yes",
    schemaSql: schema,
    ...recordOperations(apply),
    transact: (request, work, onLateUse) => transaction(() => transact(connection, request, work, onLateUse)),
    transactStep: (request, work, onLateUse) => transaction(() => transactStep(connection, request, work, onLateUse)),
    transactUnkeyed: (work, onLateUse) => transaction(() => transactUnkeyed(connection, work, onLateUse)),
    moveMark: async (sqliteTransaction, request) => moveMark(sqliteTransaction, request),
    inspect: (name) =>
      takeTurn(() => {
        const record = table.read(name);
        const now = clock.now();
        return record === undefined || isExpired(record, now) ? undefined : inspectRecord(name, record, now);
      }),
    list: async (request) => {
      const limit = checkListRequest(request);
      return takeTurn(() => {
        return table.list({ ...request, limit }, clock.now());
      });
    },
    purge: (request) => transaction(() => table.purge(request, clock.now())),
    countHeld: async () => takeTurn(() => table.countHeld(clock.now())),
    close: () => connection.close(),
  };
}
