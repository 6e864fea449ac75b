import { checkNames, type OptionNames } from "../../core/option-names.ts";
import type { Clock } from "../../core/clock.ts";
import { checkChoice, checkNumber } from "../../core/options.ts";
import { systemClock } from "../../core/system-clock.ts";
import { heldWarnings, storeHealth } from "../health.ts";
import type { StoreHealth, TransactionalStore } from "../store.ts";
import { checkPool, type MysqlConnection, type MysqlPool } from "./client.ts";
import { mariadbProblems } from "./health.ts";
import { markMover, transact, type TransactionContext, transactStep, transactUnkeyed } from "./transact.ts";
import { leasedOperations } from "./leased-operations.ts";
import { mariadbSchema } from "./schema.ts";
import { sessionOpener, sessionQuery } from "./session.ts";
import { mariadbStatements } from "./statements.ts";

/** Where a MariaDB store keeps its records, and how long it waits. */
export interface MariadbStoreOptions {
  /** The prefix of the tables' names: 1 to 40 of a-z, 0-9 and _; default `once_again_`. */
  readonly tablePrefix?: string | undefined;
  /**
   * How long a free connection, a lock on a record or the server's answer is waited for, milliseconds; default 5000. The
   * locks that handlers wait for are bounded by the server's `innodb_lock_wait_timeout`.
   */
  readonly busyMsMax?: number | undefined;
  /** The isolation of transactions that handlers run in; default `read committed`. */
  readonly isolation?: "read committed" | "repeatable read" | "serializable" | undefined;
  /** The clock that bounds the waits; default the machine's clock. Leases and expiry are decided by the database's. */
  readonly clock?: Clock | undefined;
}

/** A store in MariaDB. */
export interface MariadbStore<Connection> extends TransactionalStore<Connection> {
  /** The SQL that `migrate` runs, for those who run it themselves. */
  readonly schemaSql: string;
  /** Makes the tables in the connection's database, or brings them up to date; any number of processes at a time. */
  migrate(): Promise<void>;
  /**
   * Finds problems that prevent operations, or that let a crash forget them: no answer, no tables of this version, a
   * server that only reads or does not keep what it acknowledges. Never rejects.
   */
  health(): Promise<StoreHealth>;
}

/**
 * A store in MariaDB 10.6 or newer (InnoDB), through your own pool of `mysql2/promise`. MySQL has neither `INSERT …
 * RETURNING` nor compound statements, so it is not supported. Each operation is one statement, decided by the database's
 * clock. An acknowledged claim survives a crash of the server as long as `innodb_flush_log_at_trx_commit` is 1, as by
 * default; replication is asynchronous, so a failover may forget it.
 *
 * In transactional mode, handlers are given a connection of the pool that is good until their operation ends, and on which
 * BEGIN, COMMIT and ROLLBACK are savepoints; `connection` is the same with callbacks, for Kysely and Knex. Statements that
 * commit by themselves (DDL, `LOCK TABLES`) are refused. `close()` leaves the pool open, since it is yours.
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
    tablePrefix: true,
    busyMsMax: true,
    isolation: true,
    clock: true,
  } satisfies OptionNames<MariadbStoreOptions>);
  const tablePrefix = options.tablePrefix ?? "once_again_";
  const schema = mariadbSchema(tablePrefix);
  const busyMsMax = checkNumber("busyMsMax", options.busyMsMax ?? 5000, { min: 1, max: 2 ** 31 - 1, integer: true });
  const levels = ["read committed", "repeatable read", "serializable"] as const;
  const isolation = checkChoice("isolation", options.isolation ?? "read committed", levels);

  checkPool(pool);
  const clock = options.clock ?? systemClock;
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
