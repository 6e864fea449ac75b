import { checkNames, type OptionNames } from "../../core/option-names.ts";
import { heldWarnings, storeHealth } from "../health.ts";
import {
  checkIsolation,
  checkSqlOptions,
  type SqlStore,
  type SqlStoreOptions,
  sqlOptionNames,
} from "../sql/options.ts";
import { checkPool, type MysqlConnection, type MysqlPool } from "./client.ts";
import { mariadbProblems } from "./health.ts";
import { markMover, transact, type TransactionContext, transactStep, transactUnkeyed } from "./transact.ts";
import { leasedOperations } from "./leased-operations.ts";
import { mariadbSchema } from "./schema.ts";
import { sessionOpener, sessionQuery } from "./session.ts";
import { mariadbStatements } from "./statements.ts";

/** Where a MariaDB store keeps its records, and how long it waits. */
export type MariadbStoreOptions = SqlStoreOptions;

/** A store in MariaDB. */
export type MariadbStore<Connection> = SqlStore<Connection>;

/**
 * A store in MariaDB 10.6 or newer (InnoDB), through your own pool of `mysql2/promise`. MySQL has neither `INSERT …
 * RETURNING` nor compound statements, so it is not supported. Each operation is one statement, decided by the database's
 * clock. An acknowledged claim survives a crash of the server as long as `innodb_flush_log_at_trx_commit` is 1, as by
 * default; replication is asynchronous, so a failover may forget it.
 *
 * In transactional mode, handlers are given a connection of the pool that is good until their operation ends, and on which
 * BEGIN, COMMIT and ROLLBACK are savepoints; `connection` is the same with callbacks, for Kysely and Knex. Statements that
 * commit by themselves (DDL, `LOCK TABLES`) are refused; the locks that handlers wait for are bounded by the server's
 * `innodb_lock_wait_timeout`. `close()` leaves the pool open, since it is yours.
 *
 * @example
 * ```ts
 * const store = mariadbStore(mysql.createPool(process.env.DATABASE_URL!)); // mysql2/promise
 * await store.migrate();
 * const { isHealthy, problems } = await store.health();
 * ```
 * @throws OnceAgainError `ONCE_OPTION_INVALID`.
 */
export function mariadbStore<Connection extends MysqlConnection>(
  pool: MysqlPool<Connection>,
  options: MariadbStoreOptions = {},
): MariadbStore<Connection> {
  checkNames("mariadbStore", options, {
    ...sqlOptionNames,
    isolation: true,
  } satisfies OptionNames<MariadbStoreOptions>);
  const { tablePrefix, busyMsMax, clock } = checkSqlOptions(options);
  const schema = mariadbSchema(tablePrefix);
  const isolation = checkIsolation(options);
  checkPool(pool);
  const open = sessionOpener(pool, { clock, busyMsMax, isolation });
  const query = sessionQuery(open);
  const statements = mariadbStatements(tablePrefix);
  const context: TransactionContext<Connection> = {
    open,
    statements,
    begin: [`SET TRANSACTION ISOLATION LEVEL ${isolation}`, "START TRANSACTION"],
    busyMsMax,
    tablePrefix,
  };
  const leased = leasedOperations(query, statements, { clock, busyMsMax });
  return {
    survivesFailover: "no",
    schemaSql: schema.map((statement) => `${statement};\n`).join(""),
    ...leased,
    transact: (request, work, onLateUse) => transact(context, request, work, onLateUse),
    transactStep: (request, work, onLateUse) => transactStep(context, request, work, onLateUse),
    transactUnkeyed: (work, onLateUse) => transactUnkeyed(context, work, onLateUse),
    moveMark: markMover(tablePrefix, busyMsMax),
    migrate: async () => {
      for (const statement of schema) await pool.query(statement);
    },
    health: () =>
      storeHealth(
        () => mariadbProblems(query, tablePrefix),
        async () => heldWarnings(await leased.countHeld()),
      ),
    close: async () => undefined,
  };
}
