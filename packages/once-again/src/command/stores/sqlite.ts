import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Store } from "../../stores/index.ts";
import type { MigratableOutbox } from "../../stores/kit.ts";

/**
 * Opens the store in a SQLite file that has one.
 *
 * @throws Error when there is no such file, or it holds no keys: opening it as a store would make both.
 */
export async function openSqlite(path: string): Promise<Store> {
  if (!(await hasTable(path, "once_again_keys"))) {
    throw new Error(`${path} holds no keys: no server of once-again has opened it.`);
  }
  const { sqliteStore } = await import("../../stores/sqlite/index.ts");
  return sqliteStore({ path });
}

/**
 * Opens the outbox in a SQLite file that has one.
 *
 * @throws Error as above.
 */
export async function openSqliteOutbox(path: string): Promise<MigratableOutbox> {
  if (!(await hasTable(path, "once_again_outbox"))) {
    throw new Error(`${path} holds no outbox: open it once by sqliteOutbox, or run \`once-again migrate --outbox\`.`);
  }
  return makeSqliteOutbox(path);
}

/** @throws Error when there is no such file. */
async function hasTable(path: string, name: string): Promise<boolean> {
  if (!existsSync(path)) throw new Error(`There is no file ${path}.`);
  const { DatabaseSync } = await import("node:sqlite");
  // Not as `readOnly`: after a kill it could not undo what was under way, and would not be read at all.
  const database = new DatabaseSync(path, { timeout: 5000 });
  try {
    const tables = database.prepare("SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = ?");
    return tables.get(name) !== undefined;
  } finally {
    database.close();
  }
}

/**
 * Opens the store in a SQLite file, and makes both if they are not there.
 *
 * @param isDry nothing is written: the store is one in memory.
 */
export async function makeSqlite(path: string, isDry: boolean): Promise<Store> {
  const { sqliteStore } = await import("../../stores/sqlite/index.ts");
  return Object.assign(sqliteStore({ path: isDry ? ":memory:" : path }), {
    migrate: async () => undefined,
  });
}

/** Opens the outbox in a SQLite file, and makes both if they are not there. */
export async function makeSqliteOutbox(path: string): Promise<MigratableOutbox> {
  const { sqliteOutbox } = await import("../../stores/sqlite/index.ts");
  return Object.assign(sqliteOutbox({ path }), { migrate: async () => undefined });
}

/** An outbox in a temporary file, removed when it is closed: SQLite's outbox needs a file. */
export async function makeDrySqliteOutbox(): Promise<MigratableOutbox> {
  const folder = mkdtempSync(join(tmpdir(), "once-again-"));
  const outbox = await makeSqliteOutbox(join(folder, "outbox.db"));
  return {
    ...outbox,
    async close() {
      await outbox.close();
      rmSync(folder, { recursive: true });
    },
  };
}
