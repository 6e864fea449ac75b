import type { DatabaseSync } from "node:sqlite";
import { type Clock, sleep } from "../../core/clock.ts";
import { unavailableError } from "./connection-queue.ts";

/** SQLite's result code for "another connection holds the lock" (https://sqlite.org/rescode.html#busy). */
const sqliteBusy = 5;

/** "SQL error", among them a savepoint that is not there; only the message tells which. */
const sqliteError = 1;

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

async function whenFree<Value>(attempt: () => Value, clock: Clock, waitMsMax: number): Promise<Value> {
  const endsAt = clock.monotonic() + waitMsMax;
  for (;;) {
    try {
      return attempt();
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

function isBusy(error: unknown): boolean {
  return codeOf(error) === sqliteBusy;
}

/** Whether a statement named a savepoint that is not there. */
export function isUnknownSavepoint(error: unknown): boolean {
  return codeOf(error) === sqliteError && /no such savepoint/.test((error as Error).message);
}

/** The primary result code. It is the low byte; the others tell which kind. */
function codeOf(error: unknown): number | undefined {
  return error instanceof Error && "errcode" in error ? Number(error.errcode) & 0xff : undefined;
}
