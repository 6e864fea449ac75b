import { DatabaseSync } from "node:sqlite";
import { sqliteOutbox, sqliteStore } from "../../../../../packages/once-again/src/stores/sqlite/index.ts";
import { busyMsMax } from "../../engine.ts";
import type { MessagesEngine, ShopDatabase } from "../engine.ts";

export const sqliteEngine: MessagesEngine = {
  name: "sqlite",
  position: "INTEGER PRIMARY KEY AUTOINCREMENT",
  transactionsMax: 1,
  async open(path) {
    const [outbox, inboxStore] = [sqliteOutbox({ path, busyMsMax }), sqliteStore({ path, busyMsMax })];
    const database = new DatabaseSync(path, { timeout: busyMsMax });
    return {
      outbox,
      inboxStore,
      async transact(work) {
        database.exec("BEGIN IMMEDIATE");
        try {
          database.exec((await work(database)).toUpperCase());
        } catch (error) {
          if (database.isTransaction) database.exec("ROLLBACK");
          throw error;
        }
      },
      run: (transaction, statement, values) => transaction.prepare(statement).run(...values),
      read: async (query) => database.prepare(query).all() as never,
      prepare: async (statements) => statements.forEach((statement) => database.exec(statement)),
      async close() {
        database.close();
        await Promise.all([outbox.close(), inboxStore.close()]);
      },
    } satisfies ShopDatabase<DatabaseSync>;
  },
};
