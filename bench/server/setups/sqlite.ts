import { DatabaseSync } from "node:sqlite";
import { sqliteStore } from "../../../packages/once-again/src/stores/sqlite/index.ts";
import { answer } from "../exchange.ts";
import { type Guarded, type MakeSetup, plainWork, unguarded } from "../setup.ts";

const ordersTable = "CREATE TABLE IF NOT EXISTS orders (id INTEGER PRIMARY KEY, amount INTEGER NOT NULL) STRICT";
const insertOrder = "INSERT INTO orders (amount) VALUES (420)";

/** A connection with commits that are on disk when they return, as our store's are. */
function durable(path: string): DatabaseSync {
  const database = new DatabaseSync(path);
  database.exec("PRAGMA busy_timeout = 5000; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL");
  return database;
}

/** The guards with keys in a SQLite file. */
export const sqliteSetups = {
  none: async () => ({ kind: "function", guarded: unguarded, work: plainWork }),
  "hand-written": async (path) => {
    const database = durable(path);
    database.exec("CREATE TABLE IF NOT EXISTS minimum (key TEXT PRIMARY KEY, answer TEXT) STRICT");
    const claim = database.prepare("INSERT INTO minimum (key) VALUES (?) ON CONFLICT DO NOTHING");
    const read = database.prepare("SELECT answer FROM minimum WHERE key = ?");
    const keep = database.prepare("UPDATE minimum SET answer = ? WHERE key = ?");
    return {
      kind: "function",
      work: plainWork,
      guarded: async ({ key }, work) => {
        if (claim.run(key).changes === 0) {
          const known = (read.get(key) as { answer: string | null }).answer;
          if (known === null) throw new Error("in progress");
          return known;
        }
        const text = await work(undefined);
        keep.run(text, key);
        return text;
      },
    };
  },
  "once-again": async (path) => ({
    kind: "leased",
    options: { store: sqliteStore({ path }), scope: "public" },
    work: plainWork,
  }),
  "bare INSERT": async (path) => {
    const database = durable(path);
    database.exec(ordersTable);
    const insert = database.prepare(insertOrder);
    return {
      kind: "function",
      guarded: unguarded,
      work: async () => {
        insert.run();
        return answer;
      },
    };
  },
  "once-again, transactional": async (path) => {
    durable(path).exec(ordersTable);
    return {
      kind: "transactional",
      options: { mode: "transactional", store: sqliteStore({ path }), scope: "public" },
      work: async (transaction: DatabaseSync) => {
        transaction.prepare(insertOrder).run();
        return answer;
      },
    };
  },
  // One connection has one transaction: the work is awaited within it, and requests take turns, as in our store.
  "hand-written, transactional": async (path) => {
    const database = durable(path);
    database.exec(ordersTable);
    database.exec("CREATE TABLE IF NOT EXISTS minimum (key TEXT PRIMARY KEY, answer TEXT) STRICT");
    const [begin, commit] = [database.prepare("BEGIN IMMEDIATE"), database.prepare("COMMIT")];
    const claim = database.prepare("INSERT INTO minimum (key) VALUES (?) ON CONFLICT DO NOTHING");
    const read = database.prepare("SELECT answer FROM minimum WHERE key = ?");
    const store = database.prepare("UPDATE minimum SET answer = ? WHERE key = ?");
    let turn: Promise<unknown> = Promise.resolve();
    const guarded: Guarded<DatabaseSync> = ({ key }, work) => {
      const run = async (): Promise<string> => {
        begin.run();
        const isNew = claim.run(key).changes === 1;
        const text = isNew ? await work(database) : (read.get(key) as { answer: string }).answer;
        if (isNew) store.run(text, key);
        commit.run();
        return text;
      };
      const ended = turn.then(run);
      turn = ended;
      return ended;
    };
    return {
      kind: "function",
      guarded,
      work: async (transaction: DatabaseSync) => {
        transaction.prepare(insertOrder).run();
        return answer;
      },
    };
  },
} satisfies Record<string, MakeSetup>;
