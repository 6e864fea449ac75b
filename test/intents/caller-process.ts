/**
 * A caller, in a separate process, so that it can be killed. Its argument is JSON: see `CallerTask`. It submits the
 * orders, several at a time, resumes what is left of an earlier life, and ends with 0 when all of them have ended.
 */
import process from "node:process";
import { setTimeout } from "node:timers/promises";
import { Pool } from "pg";
import { openIntents } from "../../packages/once-again/src/intents/index.ts";
import { OnceAgainError } from "../../packages/once-again/src/core/errors.ts";
import { postgresIntents } from "../../packages/once-again/src/stores/postgres/index.ts";
import { sqliteIntents } from "../../packages/once-again/src/stores/sqlite/index.ts";

/** The task of a caller. */
export interface CallerTask {
  /** A PostgreSQL URL, or the path of a SQLite file. */
  readonly store: string;
  readonly url: string;
  readonly orders: readonly string[];
}

const { store: place, url, orders } = JSON.parse(process.argv[2] ?? "") as CallerTask;
const pool = place.startsWith("postgres:") ? new Pool({ connectionString: place }) : undefined;
pool?.on("error", () => undefined);
const store = pool === undefined ? sqliteIntents({ path: place }) : postgresIntents(pool);

const intents = openIntents({
  store,
  keys: [new URL(url).origin],
  attemptsMax: 2,
  attemptTimeoutMs: 500,
  backoff: () => 5,
  resumeBackoff: () => 10,
  budget: "off",
  leaseMs: 400,
  pollMs: 25,
});

async function submitUntilTaken(order: string): Promise<void> {
  for (;;) {
    try {
      await intents.submit(order, { url, body: order });
      return;
    } catch (error) {
      if (!OnceAgainError.isInstance(error, "ONCE_STORE_UNAVAILABLE")) throw error;
      await setTimeout(25);
    }
  }
}

process.stdout.write("started\n");
const queue = orders.values();
const worker = async (): Promise<void> => {
  for (const order of queue) await submitUntilTaken(order);
};
await Promise.all(Array.from({ length: 6 }, worker));
await intents.resume();
await intents.close();
await store.close();
await pool?.end();
