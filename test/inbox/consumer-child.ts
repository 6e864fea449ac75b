/**
 * A consumer in a process of its own, so that it can be killed. Its argument is JSON: see `ChildTask`. It says "ready", and
 * "acknowledging" each time that it is about to acknowledge: then the effect has committed.
 */
import process from "node:process";
import { jetstream } from "@nats-io/jetstream";
import { connect as connectNats, headers } from "@nats-io/transport-node";
import amqplib from "amqplib";
import { Worker } from "bullmq";
import { Redis } from "ioredis";
import { Pool, type PoolClient } from "pg";
import {
  bullmqProcessor,
  consumeJetstream,
  consumeRabbitmq,
  consumeRedisStreams,
  type MessageWork,
  openInbox,
} from "../../packages/once-again/src/messaging/inbox/index.ts";
import { postgresStore } from "../../packages/once-again/src/stores/postgres/index.ts";

/** What a consumer shall do. */
export interface ChildTask {
  readonly broker: "rabbitmq" | "jetstream" | "redis" | "bullmq";
  /** Whether a high-water mark tells repeats, and no id. */
  readonly highWaterMark?: boolean | undefined;
  readonly url: string;
  readonly database: string;
  /** Whether it stands still where it would acknowledge. */
  readonly isStuck: boolean;
}

const { broker, url, database, isStuck, highWaterMark = false } = JSON.parse(process.argv[2] ?? "") as ChildTask;
const pool = new Pool({ connectionString: database });
const inbox = openInbox({ mode: "transactional", store: postgresStore(pool), consumer: "billing" });
const work: MessageWork<PoolClient> = async ({ body }, { transaction }) => {
  await transaction.query("INSERT INTO effects VALUES ($1)", [new TextDecoder().decode(body)]);
};

/** Stands where an acknowledgement is sent. */
async function beforeAcknowledging(): Promise<void> {
  process.stdout.write("acknowledging\n");
  if (isStuck) await new Promise(() => undefined);
}

/** The same object, of which one method waits before it acknowledges. */
function delayed<Target extends object>(target: Target, method: keyof Target): Target {
  return new Proxy(target, {
    get(object, name) {
      const value: unknown = Reflect.get(object, name);
      if (typeof value !== "function") return value;
      if (name !== method) return value.bind(object) as unknown;
      return async (...given: unknown[]): Promise<unknown> => {
        await beforeAcknowledging();
        return Reflect.apply(value, object, given) as unknown;
      };
    },
  });
}

const starts: Record<ChildTask["broker"], () => Promise<unknown>> = {
  async rabbitmq() {
    const connection = await amqplib.connect(url, { recovery: true });
    const slow = {
      createConfirmChannel: () => connection.createConfirmChannel(),
      createChannel: async () => delayed(await connection.createChannel(), "ack"),
    };
    await consumeRabbitmq(slow, { inbox, queue: "billing" }, work);
  },
  async jetstream() {
    const connection = await connectNats({ servers: url });
    const client = jetstream(connection);
    const consumer = await client.consumers.get("orders", "billing");
    const source = {
      info: () => consumer.info(),
      async consume(options: { max_messages: number }) {
        const messages = await consumer.consume(options);
        const slow = async function* () {
          for await (const message of messages) yield delayed(message, "ackAck");
        };
        return { [Symbol.asyncIterator]: slow, close: () => messages.close() };
      },
    };
    const options = { inbox, jetstream: client, headers, deadLetterSubject: "dead.billing", highWaterMark };
    await consumeJetstream(source, highWaterMark ? { ...options, id: () => undefined } : options, work);
  },
  async redis() {
    const client = new Redis(url);
    const slow = {
      xadd: (...parts: (string | Buffer)[]) => client.xadd(...(parts as [string, string, string, string])),
      async callBuffer(command: string, ...rest: (string | Buffer)[]) {
        if (command === "XACK") await beforeAcknowledging();
        return client.callBuffer(command, ...rest);
      },
    };
    await consumeRedisStreams(slow, { inbox, stream: "orders", claimIdleMs: 500 }, work);
  },
  async bullmq() {
    const process = bullmqProcessor({ inbox }, work);
    const slow: typeof process = async (job) => {
      await process(job);
      await beforeAcknowledging();
    };
    const connection = new Redis(url, { maxRetriesPerRequest: null });
    // The lock of a dead worker is lost after this time, and another one looks for such jobs as often.
    const worker = new Worker("billing", slow, {
      connection,
      lockDuration: 1000,
      stalledInterval: 500,
      maxStalledCount: 10,
    });
    await worker.waitUntilReady();
  },
};

await starts[broker]();
process.stdout.write("ready\n");
