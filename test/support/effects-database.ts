import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { onTestFinished } from "vitest";
import { sqliteStore } from "../../packages/once-again/src/stores/sqlite/index.ts";
import type { TransactionFixture } from "../../packages/testing/src/index.ts";
import { temporaryFolder } from "./temporary-folder.ts";

/** A SQLite store beside a table of effects, until the running test ends. */
export function effectsDatabase(records: string): TransactionFixture<DatabaseSync> {
  const path = join(temporaryFolder(), `${records}.db`);
  const outside = new DatabaseSync(path);
  onTestFinished(() => outside.close());
  outside.exec("CREATE TABLE effects (name TEXT NOT NULL) STRICT");
  const effects = outside.prepare("SELECT name FROM effects ORDER BY name");
  return {
    store: sqliteStore({ path }),
    execute: (transaction, statement) => transaction.exec(statement),
    effects: () => effects.all().map((row) => row["name"]),
  };
}
