/**
 * A caller in a separate process, so that it can be killed. Its argument is JSON: see `CallerTask`. Its diary is its
 * order book: an order is written there before anything else, and what has not settled there is submitted again in its
 * next life. It ends with 0 when its parent wants no more orders and all of them have settled.
 */
import { randomUUID } from "node:crypto";
import { subscribe } from "node:diagnostics_channel";
import process from "node:process";
import { setTimeout } from "node:timers/promises";
import { Pool } from "pg";
import { openIntents } from "../../../packages/once-again/src/intents/index.ts";
import { OnceAgainError } from "../../../packages/once-again/src/core/errors.ts";
import { postgresIntents } from "../../../packages/once-again/src/stores/postgres/index.ts";
import { sqliteIntents } from "../../../packages/once-again/src/stores/sqlite/index.ts";
import { append, type CallerEntry, type ChildEvent, readLines } from "./evidence.ts";
import { obeyFaultPlans } from "./process-faults.ts";
import { headers, storedStatuses, keyOf, orderName, partsOf } from "./orders.ts";

/** The task of a caller. */
export interface CallerTask {
  /** A PostgreSQL URL, or the path of a SQLite file, where its intents are. */
  readonly intents: string;
  readonly url: string;
  readonly account: string;
  readonly diary: string;
  readonly life: string;
  readonly leaseMs: number;
  /** How many orders it has under way at a time. */
  readonly concurrency: number;
  /** Whether it only ends what it has begun. */
  readonly finishes: boolean;
  /** Whether each attempt gets another key. */
  readonly newKeys: boolean;
}

const task = JSON.parse(process.argv[2] ?? "") as CallerTask;
const { diary, life, leaseMs, account, concurrency } = task;
const reached = obeyFaultPlans();

const write = (entry: ChildEvent<CallerEntry>): void => {
  append(diary, { at: Date.now(), life, ...entry });
  // A request that was noted may be killed before its first byte: it is sent when it is on its way.
  if (entry.event === "sent") return;
  if (entry.event !== "answered" || storedStatuses.has(entry.status)) reached(entry.event);
};
subscribe("undici:request:bodySent", () => reached("sent"));

/** `fetch`, noted from both sides. */
const notedFetch: typeof fetch = async (url, init = {}) => {
  const attempt = randomUUID();
  const sent = new Headers(init.headers);
  const order = String(sent.get(headers.order));
  sent.set(headers.attempt, attempt);
  if (task.newKeys) sent.set("idempotency-key", attempt);
  write({ event: "sent", order, attempt });
  try {
    const response = await fetch(url, { ...init, headers: sent });
    const text = await response.text();
    write({ event: "answered", order, attempt, status: response.status, text });
    return new Response(text, { status: response.status, headers: response.headers });
  } catch (error) {
    write({ event: "lost", order, attempt });
    throw error;
  }
};

const isDatabase = task.intents.startsWith("postgres:");
const pool = isDatabase ? new Pool({ connectionString: task.intents, max: 4 }) : undefined;
pool?.on("error", () => undefined);
const store = pool === undefined ? sqliteIntents({ path: task.intents }) : postgresIntents(pool);
const intents = openIntents({
  store,
  keys: true,
  fetch: notedFetch,
  // A process that takes an order over sends it in the name of its account.
  headersAtSend: ({ id }) => ({ [headers.account]: partsOf(id).scope }),
  attemptsMax: 3,
  attemptTimeoutMs: 2000,
  backoff: () => 20,
  resumeBackoff: () => 50,
  budget: "off",
  leaseMs,
  pollMs: 50,
  concurrency,
});
intents.watch((event) => {
  if (event.type === "ended") write({ event: "stored", order: event.id });
});

const entries = readLines<CallerEntry>(diary);
const ordered = entries.filter(({ event }) => event === "ordered").map(({ order }) => order);
const settled = new Set(entries.filter(({ event }) => event === "settled").map(({ order }) => order));

function* orders(): Generator<string> {
  yield* ordered.filter((order) => !settled.has(order));
  for (let number = ordered.length + 1; !task.finishes; number += 1) {
    const order = orderName(account, keyOf(number));
    write({ event: "ordered", order });
    yield order;
  }
}

async function settle(order: string): Promise<void> {
  const input = {
    url: task.url,
    headers: { [headers.order]: order, "idempotency-key": partsOf(order).key },
    body: JSON.stringify({ order }),
  };
  for (;;) {
    try {
      await intents.submit(order, input);
      write({ event: "settled", order });
      return;
    } catch (error) {
      if (!OnceAgainError.isInstance(error, "ONCE_STORE_UNAVAILABLE")) throw error;
      await setTimeout(25);
    }
  }
}

process.send?.("ready");
const queue = orders();
const worker = async (): Promise<void> => {
  for (const order of queue) await settle(order);
};
await Promise.all(Array.from({ length: concurrency }, worker));
await intents.resume();
await intents.close();
await store.close();
await pool?.end();
process.disconnect?.();
