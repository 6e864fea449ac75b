import { existsSync } from "node:fs";
import type { Store } from "once-again/stores";

/**
 * Opens the store in a SQLite file that has one.
 *
 * @throws Error when there is no such file, or it holds no keys: opening it as a store would make both.
 */
export async function openSqlite(path: string): Promise<Store> {
  if (!existsSync(path)) throw new Error(`There is no file ${path}.`);
  const { DatabaseSync } = await import("node:sqlite");
  const database = new DatabaseSync(path, { readOnly: true });
  try {
    const tables = database.prepare("SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'once_again_keys'");
    if (tables.get() === undefined) throw new Error(`${path} holds no keys: no server of once-again has opened it.`);
  } finally {
    database.close();
  }
  const { sqliteStore } = await import("once-again/stores/sqlite");
  return sqliteStore({ path });
}

/**
 * Opens the store in a SQLite file, and makes both if they are not there.
 *
 * @param isDry nothing is written: the store is one in memory.
 */
export async function makeSqlite(path: string, isDry: boolean): Promise<Store> {
  const { sqliteStore } = await import("once-again/stores/sqlite");
  return Object.assign(sqliteStore({ path: isDry ? ":memory:" : path }), {
    migrate: async () => undefined,
  });
}
