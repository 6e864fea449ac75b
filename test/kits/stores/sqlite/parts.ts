import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { systemClock } from "../../../../packages/once-again/src/core/system-clock.ts";
import { sqliteStore } from "../../../../packages/once-again/src/stores/sqlite/index.ts";
import type { StoreParts } from "../../store-kit.ts";

const pathOf = (place: string, records: string): string => join(place, `${records}.db`);
let databases = 0;

export const sqliteParts: StoreParts = {
  clients: { "node:sqlite": async (place, records) => sqliteStore({ path: pathOf(place, records) }) },
  // Connections wait for one another in real time.
  onClock: async (place, records, clock) =>
    sqliteStore({ path: pathOf(place, records), clock: { ...systemClock, now: () => clock.now() } }),
  async breakRecord(place, records, { key }) {
    const database = new DatabaseSync(pathOf(place, records));
    database.prepare("UPDATE once_again_keys SET attempt = 0 WHERE key = ?").run(key);
    database.close();
  },
  async ownDatabase(place) {
    const path = pathOf(place, `own_${(databases += 1)}`);
    const outside = new DatabaseSync(path);
    outside.exec("CREATE TABLE effects (name TEXT NOT NULL) STRICT");
    const effects = outside.prepare("SELECT name FROM effects ORDER BY name");
    return {
      store: sqliteStore({ path }) as never,
      open: async () => sqliteStore({ path }) as never,
      execute: (transaction: DatabaseSync, statement) => transaction.exec(statement),
      effects: () => effects.all().map((row) => row["name"]),
      [Symbol.asyncDispose]: async () => outside.close(),
    };
  },
  mistaken: () => {
    const database = new DatabaseSync(":memory:");
    return { database: { client: database, advice: "sqliteStore({ path })", close: () => database.close() } };
  },
  make: (options) => sqliteStore(options as never),
};
