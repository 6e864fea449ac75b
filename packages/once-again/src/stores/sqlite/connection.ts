import { existsSync } from "node:fs";
import { dirname } from "node:path";
import type { DatabaseSync } from "node:sqlite";
import { checkNoClient, hasMethod } from "../../core/duck-typing.ts";
import { type Clock, sleep } from "../../core/clock.ts";
import { sharedTimers } from "../../core/deadline-timer.ts";
import { OnceAgainError } from "../../core/errors.ts";
import { DatabaseSync as NodeDatabase } from "../guard/database-sync.ts";
import { checkNames, type OptionNames } from "../../core/option-names.ts";
import { checkNumber, invalidOptionError } from "../../core/options.ts";
import { systemClock } from "../../core/system-clock.ts";

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
  /** The statements that were prepared when it was opened. */
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
  checkNoClient("options", 'an object such as { path: "keys.db" }', options);
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
  const queue = connectionQueue(clock, { waitMsMax: busyMsMax, queueMax });
  const takeTurn: TakeTurn = (work) =>
    queue(() => {
      if (!database.isOpen) throw closedError();
      return work();
    });

  const [beginning, commit] = [database.prepare("BEGIN IMMEDIATE"), database.prepare("COMMIT")];
  /** Nothing is awaited where the lock is free. */
  const beginAtOnce = (): Promise<void> | undefined => {
    try {
      beginning.run();
      return undefined;
    } catch (error) {
      if (!isBusy(error)) throw error;
      return begin(database, clock, busyMsMax);
    }
  };
  const committed = async <Value>(work: () => Promise<Value> | Value): Promise<Value> => {
    const waiting = beginAtOnce();
    if (waiting !== undefined) await waiting;
    try {
      const value = await work();
      if (database.isTransaction) commit.run();
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
      queue(() => {
        if (database.isOpen) database.close();
      }),
  };
}

/** The store's own end is no outage: it does not pass by itself. */
function closedError(): OnceAgainError {
  return new OnceAgainError(
    "ONCE_STORE_UNAVAILABLE",
    "The store in SQLite is closed: this program called its close(). Close it after the last request, or make a new one.",
  );
}

/** @throws OnceAgainError `ONCE_OPTION_INVALID` for a path in a folder that is not there; what `node:sqlite` throws. */
function openFile(path: string): DatabaseSync {
  try {
    return new NodeDatabase(path);
  } catch (error) {
    const folder = dirname(path);
    if (path === ":memory:" || existsSync(folder)) throw error;
    throw new OnceAgainError(
      "ONCE_OPTION_INVALID",
      `path must be a file in a folder that is there, but ${JSON.stringify(folder)} is not. Make it first: mkdirSync(${JSON.stringify(folder)}, { recursive: true }).`,
      { cause: error, details: { option: "path" } },
    );
  }
}

function open(path: string, schema: string, upgrade?: (database: DatabaseSync) => void): DatabaseSync {
  const database = openFile(path);
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

/** One at a time: who comes while another works waits for its turn, first come, first served. */
export type TakeTurn = <Value>(work: () => Promise<Value> | Value) => Promise<Value>;

/**
 * The turns of one connection. An open transaction owns the whole connection, so nothing else may use it meanwhile.
 *
 * @param bounds.waitMsMax how long one waits for its turn; then `ONCE_STORE_UNAVAILABLE`, and the work was not begun.
 * @param bounds.queueMax how many may wait; one more is refused at once, likewise.
 */
export function connectionQueue(clock: Clock, bounds: { waitMsMax: number; queueMax: number }): TakeTurn {
  const queue = new Set<() => void>();
  const timers = sharedTimers(clock);
  let busy = false;

  const next = (): void => {
    const [first] = queue;
    busy = first !== undefined;
    first?.();
  };

  const turn = (): Promise<void> | undefined => {
    if (!busy) {
      busy = true;
      return undefined;
    }
    if (queue.size >= bounds.queueMax) throw unavailableError(`${queue.size} operations wait for it already`);
    return new Promise((resolve, reject) => {
      const start = (): void => {
        cancel();
        queue.delete(start);
        resolve();
      };
      const cancel = timers.timer(bounds.waitMsMax, () => {
        queue.delete(start);
        reject(unavailableError(`it was busy for ${bounds.waitMsMax} ms`));
      });
      queue.add(start);
    });
  };

  return async (work) => {
    await turn();
    try {
      return await work();
    } finally {
      next();
    }
  };
}

/** How long to wait before asking for the lock again, milliseconds. */
const busyPollMs = 5;

/**
 * Begins a write transaction. Another process' lock is waited for without blocking this one's event loop, on which
 * the handler that holds the lock may depend.
 *
 * @throws OnceAgainError `ONCE_STORE_UNAVAILABLE` when the lock was not free within `waitMsMax` milliseconds.
 */
export function begin(database: DatabaseSync, clock: Clock, waitMsMax: number): Promise<void> {
  return whenFree(() => database.exec("BEGIN IMMEDIATE"), clock, waitMsMax);
}

/**
 * Runs work in a transaction and commits it, all before anything else of this process runs: another connection of it that
 * waits for the lock, as SQLite does, keeps the event loop from letting go of it.
 *
 * @throws OnceAgainError as `begin`.
 */
export function commitAtOnce<Value>(
  database: DatabaseSync,
  clock: Clock,
  waitMsMax: number,
  work: () => Value,
): Promise<Value> {
  const transact = (): Value => {
    database.exec("BEGIN IMMEDIATE");
    try {
      const value = work();
      database.exec("COMMIT");
      return value;
    } finally {
      rollback(database);
    }
  };
  return whenFree(transact, clock, waitMsMax);
}

/**
 * Repeats what found the database locked until it succeeds: `node:sqlite` and libSQL give up at once.
 *
 * @throws OnceAgainError `ONCE_STORE_UNAVAILABLE` when the lock was not free within `waitMsMax` milliseconds.
 */
export async function whenFree<Value>(
  attempt: () => Value | Promise<Value>,
  clock: Clock,
  waitMsMax: number,
): Promise<Value> {
  const endsAt = clock.monotonic() + waitMsMax;
  for (;;) {
    try {
      return await attempt();
    } catch (error) {
      if (!isBusy(error)) throw error;
      if (clock.monotonic() >= endsAt) throw unavailableError(`others held its lock for ${waitMsMax} ms`, error);
    }
    await sleep(clock, busyPollMs);
  }
}

/** Rolls back whatever transaction is open; SQLite ends some by itself when they fail, and all when it is closed. */
export function rollback(database: DatabaseSync): void {
  if (database.isOpen && database.isTransaction) database.exec("ROLLBACK");
}

/** @throws OnceAgainError `ONCE_OPTION_INVALID` for what is no open transaction of the file; what a handler's says after its end. */
export function checkTransaction(transaction: DatabaseSync, location: string | null): void {
  const refuse = (is: string): never => {
    throw invalidOptionError("transaction", "a DatabaseSync of node:sqlite with an open transaction", is);
  };
  if (hasMethod(transaction, "transaction")) refuse("a database of another library");
  if (!hasMethod(transaction, "prepare") || !hasMethod(transaction, "location")) {
    refuse(transaction === null ? "null" : typeof transaction);
  }
  const other = transaction.location();
  if (other === null || other !== location) refuse(`of another file, ${other ?? "in memory"}`);
  if (!transaction.isTransaction) refuse("one on which no transaction is open: run BEGIN IMMEDIATE");
}

/** The error for a database that others keep busy. */
export function unavailableError(why: string, cause?: unknown): OnceAgainError {
  return new OnceAgainError("ONCE_STORE_UNAVAILABLE", `The SQLite store did nothing: ${why}. Ask again later.`, {
    cause,
  });
}

/** SQLite's result code for "another connection holds the lock" (https://sqlite.org/rescode.html#busy). */
const sqliteBusy = 5;

/** libSQL's code for "open transactions hold all connections of this client". */
const transactionActive = "TRANSACTION_ACTIVE";

function isBusy(error: unknown): boolean {
  return readCode(error) === sqliteBusy || (error as { code?: unknown } | null)?.code === transactionActive;
}

/** "SQL error", among them a savepoint that is not there; only the message says which. */
const sqliteError = 1;

/** Whether a statement named a savepoint that is not there. */
export function isUnknownSavepoint(error: unknown): boolean {
  return readCode(error) === sqliteError && /no such savepoint/.test((error as Error).message);
}

/** The primary result code. It is the low byte; the others tell which kind. */
function readCode(error: unknown): number | undefined {
  // libSQL has it as `rawCode`.
  const { errcode, rawCode = errcode } = (error ?? {}) as { errcode?: unknown; rawCode?: unknown };
  return error instanceof Error && rawCode !== undefined ? Number(rawCode) & 0xff : undefined;
}
