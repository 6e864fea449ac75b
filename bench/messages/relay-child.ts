/** `relay-child.ts DATABASE BROKER`: publishes to a broker, in a separate process, by the orders that it gets in messages. */
import process from "node:process";
import { setImmediate } from "node:timers/promises";
import amqplib from "amqplib";
import { Pool } from "pg";
import { openRelay, type Publish, publishToRabbitmq } from "../../packages/once-again/src/messaging/outbox/index.ts";
import { postgresOutbox } from "../../packages/once-again/src/stores/postgres/index.ts";
import { body, instant, percentile, queue } from "./message.ts";
import type { Notify } from "./load-child.ts";
import { concurrency, type RelayName, relayOf } from "./relays.ts";

/** The next order. */
export type RelayOrder =
  /** Publishes so many messages, by a relay, or by nothing but a loop. */
  | { do: "drain"; relay: RelayName | "bare publishes"; count: number }
  /** Runs our relay until it is ended. `broker`: whether there is one, or each message is confirmed at once. */
  | { do: "run"; broker: boolean; notify: Notify; pollMs: number }
  | { do: "end" };

/** How it went. */
export interface RelayAnswer {
  perSecond: number;
  /** For each message. */
  cpuMicroseconds: number;
  /** From before COMMIT until the relay has the message, milliseconds. */
  latencyP50: number;
  latencyP99: number;
  fault?: string;
}

const [, , database = "", broker = ""] = process.argv;
const connection = await amqplib.connect(broker, { recovery: true });
const toRabbitmq = publishToRabbitmq(connection, { exchange: "" });
const nothing: RelayAnswer = { perSecond: 0, cpuMicroseconds: 0, latencyP50: Number.NaN, latencyP99: Number.NaN };
let end: () => Promise<RelayAnswer> = async () => nothing;

async function carryOut(order: RelayOrder): Promise<RelayAnswer> {
  switch (order.do) {
    case "drain":
      return drain(order);
    case "run": {
      const pool = new Pool({ connectionString: database });
      const outbox = postgresOutbox(pool, { notify: order.notify });
      const latencies: number[] = [];
      const take: Publish = async ({ body }) => {
        latencies.push(instant() - (JSON.parse(new TextDecoder().decode(body)) as { at: number }).at);
        await setImmediate();
      };
      const cpu = process.cpuUsage();
      const publish = order.broker ? toRabbitmq : take;
      const relay = openRelay({ outbox, publish, pollMs: order.pollMs });
      end = async () => {
        await relay.idle();
        const { user, system } = process.cpuUsage(cpu);
        await relay.close();
        await pool.end();
        return {
          ...nothing,
          cpuMicroseconds: (user + system) / latencies.length,
          latencyP50: percentile(latencies, 0.5),
          latencyP99: percentile(latencies, 0.99),
        };
      };
      return nothing;
    }
    case "end":
      return end();
  }
}

async function drain({ relay, count }: { relay: RelayName | "bare publishes"; count: number }): Promise<RelayAnswer> {
  const { promise: drained, resolve } = Promise.withResolvers<void>();
  let confirmed = 0;
  const publish: Publish = async (message, context) => {
    await toRabbitmq(message, context);
    if ((confirmed += 1) === count) resolve();
  };
  const before = process.cpuUsage();
  const startedAt = performance.now();
  const stop = relay === "bare publishes" ? loop(publish, count) : await relayOf(relay).start(database, publish);
  await drained;
  const seconds = (performance.now() - startedAt) / 1000;
  const { user, system } = process.cpuUsage(before);
  await stop();
  return { ...nothing, perSecond: count / seconds, cpuMicroseconds: (user + system) / count };
}

/** Confirmed publishes, so many at a time, and nothing else. */
function loop(publish: Publish, count: number): () => Promise<unknown> {
  const bytes = new TextEncoder().encode(body);
  const { signal } = new AbortController();
  let left = count;
  const worker = async (): Promise<void> => {
    while ((left -= 1) >= 0) {
      const message = { topic: queue, orderingKey: undefined, headers: {}, body: bytes, addedAt: 0 };
      await publish({ ...message, id: crypto.randomUUID() }, { signal });
    }
  };
  const ended = Promise.all(Array.from({ length: concurrency }, worker));
  return () => ended;
}

process.on("message", (order: RelayOrder) => {
  carryOut(order).then(
    (answer) => process.send?.(answer),
    (error: unknown) => process.send?.({ ...nothing, fault: String(error) }),
  );
});
process.on("disconnect", () => process.exit());
