import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { onTestFinished } from "vitest";
import { sqliteStore } from "../../packages/once-again/src/stores/sqlite/index.ts";
import type { SqliteStoreOptions } from "../../packages/once-again/src/stores/sqlite/store.ts";
import type { TransactionalStore } from "../../packages/once-again/src/stores/store.ts";
import { temporaryFolder } from "./temporary-folder.ts";

export interface AppDatabase {
  path: string;
  store: TransactionalStore<DatabaseSync>;
  /** The orders that are committed, read through another connection. */
  orders(): unknown[];
}

/** A user's own SQLite database with a table of orders, and a store in it, until the running test ends. */
export function appDatabase(options: Partial<SqliteStoreOptions> = {}): AppDatabase {
  const path = join(temporaryFolder(), "app.db");
  const store = sqliteStore({ path, ...options });
  const outside = new DatabaseSync(path);
  outside.exec("CREATE TABLE orders (item TEXT NOT NULL) STRICT");
  onTestFinished(async () => {
    outside.close();
    await store.close();
  });
  return {
    path,
    store,
    orders: () =>
      outside
        .prepare("SELECT item FROM orders")
        .all()
        .map((row) => row["item"]),
  };
}

export function insertOrder(database: DatabaseSync, item: string): void {
  database.prepare("INSERT INTO orders VALUES (?)").run(item);
}
