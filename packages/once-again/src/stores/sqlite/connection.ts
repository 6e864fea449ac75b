import { checkNoClient } from "../../core/duck-typing.ts";
import { checkNames, type OptionNames } from "../../core/option-names.ts";
import { DatabaseSync } from "node:sqlite";
import type { Clock } from "../../core/clock.ts";
import { checkNumber, invalidOptionError } from "../../core/options.ts";
import { systemClock } from "../../core/system-clock.ts";
import { begin, rollback } from "./transactions.ts";
import { type TakeTurn, connectionQueue } from "./connection-queue.ts";

/** How a store opens its database. */
export interface SqliteOptions {
  /** The database file, made if it is not there. In memory (`:memory:`) it is for tests. */
  readonly path: string;
  /** How long one operation waits for its turn or for another process' lock, milliseconds; default 5000. */
  readonly busyMsMax?: number | undefined;
  /** How many operations may wait for their turn, 1 or more; default 10,000. */
  readonly queueMax?: number | undefined;
  /** Default the machine's clock, which every process on this file shares. */
  readonly clock?: Clock | undefined;
}

/** One store's own connection to its database. */
export interface SqliteConnection<Prepared> {
  readonly database: DatabaseSync;
  /** What was made of it when it was opened. */
  readonly prepared: Prepared;
  readonly clock: Clock;
  /** How long a turn, or another process' lock, is waited for. */
  readonly busyMsMax: number;
  /** How many operations may wait for their turn. */
  readonly queueMax: number;
  readonly takeTurn: TakeTurn;
  /** Runs work in a transaction and commits it. Only for who has the turn. */
  readonly committed: TakeTurn;
  /** The same, when its turn comes: alone on the connection. */
  readonly transaction: TakeTurn;
  readonly close: () => Promise<void>;
}

/**
 * Opens a database (WAL, `synchronous=FULL`: a commit is on disk when it returns) and makes its tables.
 *
 * @param prepare makes what is needed of a database that was just opened.
 * @param upgrade brings tables of an earlier version to this one.
 * @throws OnceAgainError `ONCE_OPTION_INVALID`; what `node:sqlite` throws when the file can't be opened.
 */
export function sqliteConnection<Prepared>(
  options: SqliteOptions,
  schema: string,
  prepare: (database: DatabaseSync, clock: Clock) => Prepared,
  upgrade?: (database: DatabaseSync) => void,
): SqliteConnection<Prepared> {
  checkNoClient("options", "an object such as { path }", options);
  checkNames("A store in SQLite", options, {
    path: true,
    busyMsMax: true,
    queueMax: true,
    clock: true,
  } satisfies OptionNames<SqliteOptions>);
  if (typeof options.path !== "string" || options.path === "") {
    throw invalidOptionError("path", "the path of a database file", options.path);
  }
  const clock = options.clock ?? systemClock;
  const busyMsMax = checkNumber("busyMsMax", options.busyMsMax ?? 5000, { min: 0 });
  const queueMax = checkNumber("queueMax", options.queueMax ?? 10_000, { min: 1, integer: true });
  const database = open(options.path, schema, upgrade);
  const prepared = prepare(database, clock);
  const takeTurn = connectionQueue(clock, { waitMsMax: busyMsMax, queueMax });

  const committed = async <Value>(work: () => Promise<Value> | Value): Promise<Value> => {
    await begin(database, clock, busyMsMax);
    try {
      const value = await work();
      if (database.isTransaction) database.exec("COMMIT");
      return value;
    } finally {
      rollback(database);
    }
  };
  return {
    database,
    prepared,
    clock,
    busyMsMax,
    queueMax,
    takeTurn,
    committed,
    transaction: (work) => takeTurn(() => committed(work)),
    close: () =>
      takeTurn(() => {
        if (database.isOpen) database.close();
      }),
  };
}

function open(path: string, schema: string, upgrade?: (database: DatabaseSync) => void): DatabaseSync {
  const database = new DatabaseSync(path);
  try {
    // Another process may be opening it too; from then on we wait for locks without blocking.
    database.exec("PRAGMA busy_timeout = 5000; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL");
    database.exec(schema);
    upgrade?.(database);
    database.exec("PRAGMA busy_timeout = 0");
    return database;
  } catch (error) {
    database.close();
    throw error;
  }
}
