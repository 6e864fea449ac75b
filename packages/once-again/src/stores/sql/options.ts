import type { Clock } from "../../core/clock.ts";
import type { OptionNames } from "../../core/option-names.ts";
import { checkChoice, checkNumber } from "../../core/options.ts";
import { systemClock } from "../../core/system-clock.ts";
import type { StoreHealth, TransactionalStore } from "../store.ts";

/** Where a store or an outbox in a database has its tables, and how long it waits. */
export interface SqlOptions {
  /** The prefix of the tables' names: 1 to 40 of a-z, 0-9 and _; default `once_again_`. */
  readonly tablePrefix?: string | undefined;
  /**
   * How long a free connection, another's lock or the server's answer is waited for, milliseconds; default 5000. It does not bound
   * what runs in a transaction of yours, such as `add`.
   */
  readonly busyMsMax?: number | undefined;
  /** The clock that bounds the waits; default the machine's clock. Leases and expiry are decided by the database's. */
  readonly clock?: Clock | undefined;
}

/** The options of a store in a database with many connections. */
export interface SqlStoreOptions extends SqlOptions {
  /** The isolation of transactions that handlers run in; default `read committed`. */
  readonly isolation?: "read committed" | "repeatable read" | "serializable" | undefined;
}

export const sqlOptionNames: OptionNames<SqlOptions> = { tablePrefix: true, busyMsMax: true, clock: true };

/** @throws OnceAgainError `ONCE_OPTION_INVALID`. */
export function checkSqlOptions({ tablePrefix = "once_again_", busyMsMax = 5000, clock = systemClock }: SqlOptions) {
  return {
    tablePrefix,
    busyMsMax: checkNumber("busyMsMax", busyMsMax, { min: 1, max: 2 ** 31 - 1, integer: true }),
    clock,
  };
}

/** @throws OnceAgainError `ONCE_OPTION_INVALID`. */
export function checkIsolation({
  isolation = "read committed",
}: SqlStoreOptions): NonNullable<SqlStoreOptions["isolation"]> {
  return checkChoice("isolation", isolation, ["read committed", "repeatable read", "serializable"]);
}

/** Tables that are made on request. */
export interface MigratedTables {
  /** The SQL that `migrate` runs, for those who run it themselves. PostgreSQL's runs in one transaction. */
  readonly schemaSql: string;
  /**
   * Makes the tables in the connection's database, in PostgreSQL in the schema of its search path, or brings them up to date; any
   * number of processes at a time.
   */
  migrate(): Promise<void>;
}

/** A store in a database with many connections. */
export interface SqlStore<Connection> extends TransactionalStore<Connection>, MigratedTables {
  /**
   * Finds problems that prevent operations, or that let a crash forget them: no answer, no tables of this version, a
   * server that only reads or does not keep what it acknowledges. Never rejects.
   */
  health(): Promise<StoreHealth>;
}
