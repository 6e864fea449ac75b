import { DatabaseSync } from "node:sqlite";
import { sqliteStore } from "../../../../packages/once-again/src/stores/sqlite/index.ts";
import {
  busyMsMax,
  type CrashEngine,
  type EffectsTable,
  effectsTable,
  type OpenKeys,
} from "../../../proof/crash/engine.ts";

export const sqliteEngine: CrashEngine = {
  name: "sqlite",
  modes: ["hold", "transactional"],
  operator: {
    async session(path) {
      const database = new DatabaseSync(path);
      database.exec("PRAGMA busy_timeout = 5000");
      return {
        run: async (statement) => database.exec(statement),
        [Symbol.asyncDispose]: async () => database.close(),
      };
    },
    operations: () => ({ "table-lock": { held: ["BEGIN IMMEDIATE"] } }),
    roomTaking: "PRAGMA wal_checkpoint(TRUNCATE)",
  },
  async open(path) {
    const store = sqliteStore({ path, busyMsMax });
    const effects: EffectsTable<DatabaseSync> = {
      store,
      add: (database, { effect, order, life }) =>
        database.prepare(`${effectsTable.insert} (?, ?, ?)`).run(effect, order, life),
      read: async () => withDatabase(path, (database) => database.prepare(effectsTable.select).all()) as never,
    };
    return {
      store,
      effects,
      prepare: async () => withDatabase(path, (database) => database.exec(effectsTable.create)),
      close: () => store.close(),
    } satisfies OpenKeys;
  },
};

function withDatabase<Value>(path: string, use: (database: DatabaseSync) => Value): Value {
  const database = new DatabaseSync(path);
  try {
    return use(database);
  } finally {
    database.close();
  }
}
