/**
 * A consumer in a separate process, so that it can be killed. Its argument is JSON: see `ChildTask`. It says "ready",
 * "effect" when its work is done, and "acknowledging" each time that it is about to acknowledge.
 */
import { appendFileSync } from "node:fs";
import process from "node:process";
import { SQS } from "@aws-sdk/client-sqs";
import { jetstream } from "@nats-io/jetstream";
import { connect as connectNats, headers } from "@nats-io/transport-node";
import amqplib from "amqplib";
import { Worker } from "bullmq";
import { Redis } from "ioredis";
import { createPool } from "mysql2/promise";
import { Pool } from "pg";
import {
  bullmqProcessor,
  consumeJetstream,
  consumeRabbitmq,
  consumeRedisStreams,
  consumeSqs,
  type Inbox,
  type MessageWork,
  openInbox,
} from "../../packages/once-again/src/messaging/inbox/index.ts";
import type { ReadableMessage } from "../../packages/once-again/src/messaging/inbox/inbox-message.ts";
import { mariadbStore } from "../../packages/once-again/src/stores/mariadb/index.ts";
import { natsStore } from "../../packages/once-again/src/stores/nats/index.ts";
import { postgresStore } from "../../packages/once-again/src/stores/postgres/index.ts";
import { redisStore } from "../../packages/once-again/src/stores/redis/index.ts";
import { sqliteStore } from "../../packages/once-again/src/stores/sqlite/index.ts";
import type { Store } from "../../packages/once-again/src/stores/store.ts";
import { awsClientOptions } from "../support/servers/moto.ts";
import { bucket, natsConnection } from "../nats/buckets.ts";

/** The task of a consumer. */
export interface ChildTask {
  readonly broker: "rabbitmq" | "jetstream" | "redis" | "bullmq" | "sqs";
  /** Whether a high-water mark finds repeats, and no id. */
  readonly highWaterMark?: boolean | undefined;
  readonly url: string;
  /** Where its records are: a URL, or a path. The stores with transactions have the effects beside them. */
  readonly store: "postgres" | "mariadb" | "sqlite" | "redis" | "nats";
  readonly records: string;
  /** The file of the effects of the others, a line each. */
  readonly effects: string;
  /** Where it stands still: after its work, which ends with its effect, or where it would acknowledge. */
  readonly stuckAt?: "effect" | "acknowledgement" | undefined;
}

const task = JSON.parse(process.argv[2] ?? "") as ChildTask;
const { broker, url, highWaterMark = false } = task;
const consumer = "billing";

const textOf = ({ body }: ReadableMessage): string => new TextDecoder().decode(body);

/** Work that says when it is done, and may stand still then. */
function reporting<Transaction>(work: MessageWork<Transaction>): MessageWork<Transaction> {
  return async (message, execution) => {
    await work(message, execution);
    process.stdout.write("effect\n");
    if (task.stuckAt === "effect") await new Promise(() => undefined);
  };
}

/** Leased work: its effect is in a file, outside of the store. */
const lines: MessageWork<undefined> = reporting((message) => appendFileSync(task.effects, `${textOf(message)}\n`));
const leased = (store: Store) => consume(openInbox({ store, consumer, leaseMs: 1000, retentionMs: 3_600_000 }), lines);

const stores: Record<ChildTask["store"], () => Promise<unknown>> = {
  postgres() {
    const store = postgresStore(new Pool({ connectionString: task.records }));
    const inbox = openInbox({ mode: "transactional", store, consumer });
    const insert = "INSERT INTO effects VALUES ($1)";
    return consume(
      inbox,
      reporting(async (message, { transaction }) => void (await transaction.query(insert, [textOf(message)]))),
    );
  },
  mariadb() {
    const store = mariadbStore(createPool(task.records));
    const inbox = openInbox({ mode: "transactional", store, consumer });
    const insert = "INSERT INTO effects VALUES (?)";
    return consume(
      inbox,
      reporting(async (message, { transaction }) => void (await transaction.query(insert, [textOf(message)]))),
    );
  },
  sqlite() {
    const inbox = openInbox({ mode: "transactional", store: sqliteStore({ path: task.records }), consumer });
    const insert = "INSERT INTO effects VALUES (?)";
    return consume(
      inbox,
      reporting((message, { transaction }) => void transaction.prepare(insert).run(textOf(message))),
    );
  },
  redis: () => leased(redisStore(new Redis(task.records))),
  async nats() {
    const connection = await natsConnection([Number(new URL(task.records).port)]);
    return leased(await natsStore(await bucket(connection, "keys")));
  },
};

/** Stands where an acknowledgement is sent. */
async function beforeAcknowledging(): Promise<void> {
  process.stdout.write("acknowledging\n");
  if (task.stuckAt === "acknowledgement") await new Promise(() => undefined);
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

/** Consumes from the task's broker. */
function consume<Transaction>(inbox: Inbox<Transaction>, work: MessageWork<Transaction>): Promise<unknown> {
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
    async sqs() {
      const client = delayed(new SQS(awsClientOptions({ url })), "deleteMessage");
      const { QueueUrl = "" } = await client.getQueueUrl({ QueueName: "billing" });
      await consumeSqs(client, { inbox, queueUrl: QueueUrl, waitSeconds: 1 }, work);
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
  return starts[broker]();
}

await stores[task.store]();
process.stdout.write("ready\n");
