/** `load-child.ts DATABASE BROKER`: writers that add messages, and a consumer, in a process of their own. */
import process from "node:process";
import { setTimeout } from "node:timers/promises";
import amqplib from "amqplib";
import { Pool } from "pg";
import { consumeRabbitmq, openInbox, readJson } from "../../packages/once-again/src/messaging/inbox/index.ts";
import { postgresOutbox, postgresStore } from "../../packages/once-again/src/stores/postgres/index.ts";
import type { PostgresOutboxOptions } from "../../packages/once-again/src/stores/postgres/outbox.ts";
import { instant, percentile, queue } from "./message.ts";

/** How commits wake relays. */
export type Notify = NonNullable<PostgresOutboxOptions["notify"]>;

/** The next order. */
export type LoadOrder =
  /** Commits at a rate, and times each message until its handler, and each COMMIT. */
  | { do: "pace"; perSecond: number; milliseconds: number; notify: Notify; isConsumed: boolean }
  /** Commits as fast as that goes, each with a message. */
  | { do: "flood"; milliseconds: number; notify: Notify };

/** How it went. Times are milliseconds. */
export interface LoadAnswer {
  perSecond: number;
  latencyP50: number;
  latencyP99: number;
  commitP50: number;
  commitP99: number;
  /** Processor time for each commit. */
  cpuMicroseconds: number;
  fault?: string;
}

const connections = 16;
const [, , database = "", broker = ""] = process.argv;
const pool = new Pool({ connectionString: database, max: 2 * connections });
const store = postgresStore(pool);
const modes: readonly Notify[] = ["grouped", true, false];
const outboxes = new Map(modes.map((notify) => [notify, postgresOutbox(pool, { notify })]));
const commits: number[] = [];
const latencies: number[] = [];

async function write(notify: Notify): Promise<void> {
  const client = await pool.connect();
  await client.query("BEGIN");
  await client.query("INSERT INTO orders (item) VALUES ('coffee')");
  // When the COMMIT is sent is known before, within a round trip.
  await outboxes.get(notify)!.add(client, { topic: queue, body: { at: instant() } });
  const startedAt = performance.now();
  await client.query("COMMIT");
  commits.push(performance.now() - startedAt);
  client.release();
}

async function pace({ perSecond, milliseconds, notify, isConsumed }: LoadOrder & { do: "pace" }): Promise<LoadAnswer> {
  const consuming = isConsumed ? await consume() : undefined;
  const startedAt = performance.now();
  const cpu = process.cpuUsage();
  const count = Math.round((perSecond * milliseconds) / 1000);
  const writes: Promise<void>[] = [];
  for (let written = 0; written < count; written += 1) {
    // Each at its time, however long the ones before take: a queue counts.
    const waitMs = startedAt + (written * 1000) / perSecond - performance.now();
    if (waitMs > 0.5) await setTimeout(waitMs);
    writes.push(write(notify));
  }
  await Promise.all(writes);
  if (isConsumed) await handled(count);
  await consuming?.();
  return answerOf(count / milliseconds, process.cpuUsage(cpu));
}

/** Waits until so many messages have come to their handler. */
async function handled(count: number): Promise<void> {
  while (latencies.length < count) await setTimeout(10);
}

async function flood({ milliseconds, notify }: LoadOrder & { do: "flood" }): Promise<LoadAnswer> {
  const endsAt = performance.now() + milliseconds;
  const cpu = process.cpuUsage();
  const worker = async (): Promise<void> => {
    while (performance.now() < endsAt) await write(notify);
  };
  await Promise.all(Array.from({ length: connections }, worker));
  return answerOf(commits.length / milliseconds, process.cpuUsage(cpu));
}

/** The work of a transactional inbox takes the time; what it returns ends it. */
async function consume(): Promise<() => Promise<void>> {
  const connection = await amqplib.connect(broker, { recovery: true });
  const inbox = openInbox({ mode: "transactional", store, consumer: "bench" });
  const consumer = await consumeRabbitmq(connection, { inbox, queue, prefetch: connections }, (message) => {
    latencies.push(instant() - (readJson(message) as { at: number }).at);
  });
  return async () => {
    await inbox.close();
    await consumer.close();
    await connection.close();
  };
}

function answerOf(perMillisecond: number, { user, system }: NodeJS.CpuUsage): LoadAnswer {
  const [latency, commit] = [latencies.splice(0), commits.splice(0)];
  return {
    perSecond: perMillisecond * 1000,
    latencyP50: percentile(latency, 0.5),
    latencyP99: percentile(latency, 0.99),
    commitP50: percentile(commit, 0.5),
    commitP99: percentile(commit, 0.99),
    cpuMicroseconds: (user + system) / commit.length,
  };
}

process.on("message", (order: LoadOrder) => {
  (order.do === "pace" ? pace(order) : flood(order)).then(
    (answer) => process.send?.(answer),
    (error: unknown) => process.send?.({ fault: String(error) }),
  );
});
process.on("disconnect", () => process.exit());
