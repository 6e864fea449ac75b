/**
 * A shop in a separate process, which saves orders and adds an intent in the same transaction, and kills itself at the moment
 * that its argument names: see `AddingTask`. Without one it sends the pending intents, and ends with 0.
 */
import process from "node:process";
import { DatabaseSync } from "node:sqlite";
import { Pool, type PoolClient } from "pg";
import { openIntents, type TransactionalIntents } from "../../packages/once-again/src/intents/index.ts";
import { postgresIntents } from "../../packages/once-again/src/stores/postgres/index.ts";
import { sqliteIntents } from "../../packages/once-again/src/stores/sqlite/index.ts";

/** When a shop may die. */
export type Moment =
  | "before the intent"
  | "before the commit"
  | "after the commit"
  | "before the request"
  | "before its response is stored";

/** The task of a shop. */
export interface AddingTask {
  /** A PostgreSQL URL, or the path of a SQLite file. */
  readonly store: string;
  readonly url: string;
  readonly orders: readonly string[];
  /** When it dies, and the how many-th time. */
  readonly death?: { readonly moment: Moment; readonly time: number } | undefined;
}

const { store: place, url, orders, death } = JSON.parse(process.argv[2] ?? "") as AddingTask;
let times = 0;

/** Dies here, if it is time. */
function pass(moment: Moment): void {
  if (death?.moment === moment && (times += 1) === death.time) process.kill(process.pid, "SIGKILL");
}

const options = {
  keys: true as const,
  attemptTimeoutMs: 60_000,
  backoff: () => 5,
  resumeBackoff: () => 10,
  budget: "off" as const,
  // The lease of a shop that died is soon over.
  leaseMs: 500,
  pollMs: 25,
  async fetch(...request: Parameters<typeof fetch>): Promise<Response> {
    pass("before the request");
    const response = await fetch(...request);
    pass("before its response is stored");
    return response;
  },
};

class ChangedItsMind extends Error {}

interface Shop<Transaction> {
  readonly intents: TransactionalIntents<Transaction>;
  begin(): Promise<Transaction>;
  insert(transaction: Transaction, order: string): unknown;
  end(transaction: Transaction, how: "COMMIT" | "ROLLBACK"): unknown;
}

async function saveOrder<Transaction>(shop: Shop<Transaction>, order: string, changesItsMind: boolean): Promise<void> {
  const transaction = await shop.begin();
  try {
    await shop.insert(transaction, order);
    pass("before the intent");
    await shop.intents.addWithin(transaction, order, { url, body: order });
    if (changesItsMind) throw new ChangedItsMind();
    pass("before the commit");
  } catch (error) {
    await shop.end(transaction, "ROLLBACK");
    if (error instanceof ChangedItsMind) return;
    throw error;
  }
  await shop.end(transaction, "COMMIT");
  pass("after the commit");
}

async function keepShop<Transaction>(shop: Shop<Transaction>): Promise<void> {
  const { intents } = shop;
  for (const order of orders) {
    await saveOrder(shop, `${order}-lost`, true);
    await saveOrder(shop, order, false);
  }
  await intents.resume();
  await intents.close();
}

if (place.startsWith("postgres:")) {
  const pool = new Pool({ connectionString: place });
  await keepShop<PoolClient>({
    intents: openIntents({ ...options, store: postgresIntents(pool) }),
    async begin() {
      const client = await pool.connect();
      await client.query("BEGIN");
      return client;
    },
    insert: (client, order) => client.query("INSERT INTO orders VALUES ($1) ON CONFLICT DO NOTHING", [order]),
    async end(client, how) {
      await client.query(how);
      client.release();
    },
  });
  await pool.end();
} else {
  const store = sqliteIntents({ path: place });
  const database = new DatabaseSync(place, { timeout: 10_000 });
  await keepShop({
    intents: openIntents({ ...options, store }),
    async begin() {
      database.exec("BEGIN IMMEDIATE");
      return database;
    },
    insert: (given, order) => given.prepare("INSERT OR IGNORE INTO orders VALUES (?)").run(order),
    end: (given, how) => given.exec(how),
  });
  await store.close();
}
