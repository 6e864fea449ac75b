import { randomUUID } from "node:crypto";
import { SQS } from "@aws-sdk/client-sqs";
import { AckPolicy, jetstream, jetstreamManager } from "@nats-io/jetstream";
import { connect as connectNats, headers, type NatsConnection } from "@nats-io/transport-node";
import amqplib from "amqplib";
import { Redis } from "ioredis";
import { createClient } from "redis";
import { setTimeout } from "node:timers/promises";
import { afterAll, beforeAll, onTestFinished } from "vitest";
import {
  type Consumer,
  consumeJetstream,
  consumeRabbitmq,
  consumeRedisStreams,
  consumeSqs,
  type Inbox,
  type MessageWork,
} from "../../packages/once-again/src/messaging/inbox/index.ts";
import {
  type Publish,
  publishToJetstream,
  publishToRabbitmq,
  publishToRedisStreams,
  publishToSqs,
} from "../../packages/once-again/src/messaging/outbox/index.ts";
import { awsClientOptions } from "../support/servers/moto.ts";
import { streamMaker } from "../support/servers/nats.ts";
import type { PrivateServer } from "../support/servers/private-server.ts";

/** A server for the tests of one description. */
export function serverOf(start: () => Promise<PrivateServer>): () => PrivateServer {
  let server: PrivateServer;
  beforeAll(async () => {
    server = await start();
  });
  afterAll(() => server[Symbol.asyncDispose]());
  return () => server;
}

/** A dead letter as a broker has it. */
export interface Letter {
  readonly id: string;
  readonly body: string;
  readonly reason: unknown;
  readonly detail: unknown;
  readonly consumer: unknown;
}

/** A broker with an empty queue for one consumer, until the running test ends. */
export interface Broker {
  send(id: string | undefined, body: string): Promise<unknown>;
  consume(inbox: Inbox, work: MessageWork<undefined>): Promise<Consumer>;
  /** Sends a message with headers, as a relay does. */
  readonly publish: Publish;
  /** How many messages there are that are not acknowledged. */
  waiting(): Promise<number>;
  letters(): Promise<Letter[]>;
}

export type Open = (server: PrivateServer) => Promise<Broker>;

export const closeLater = <Closable extends { close(): Promise<unknown> }>(closable: Closable): Closable => {
  onTestFinished(async () => void (await closable.close()));
  return closable;
};

export const openRabbitmq: Open = async ({ url }) => {
  const connection = await amqplib.connect(url, { recovery: { initialDelay: 20, maxDelay: 200 } });
  connection.on("error", () => undefined);
  closeLater(connection);
  const channel = await connection.createConfirmChannel();
  const quorum = { arguments: { "x-queue-type": "quorum" } };
  for (const queue of ["billing", "billing.dead"]) {
    await channel.assertQueue(queue, quorum);
    await channel.purgeQueue(queue);
  }
  const onCurrent = () => connection.createChannel();
  return {
    async send(messageId, body) {
      channel.sendToQueue("billing", Buffer.from(body), {
        ...(messageId !== undefined && { messageId }),
        persistent: true,
      });
      await channel.waitForConfirms();
    },
    publish: publishToRabbitmq(connection, { exchange: "", routingKey: () => "billing" }),
    consume: async (inbox, work) => closeLater(await consumeRabbitmq(connection, { inbox, queue: "billing" }, work)),
    waiting: async () => {
      const current = await onCurrent();
      // Messages that are delivered and not acknowledged are not counted: they come back when their channel is gone.
      return (await current.checkQueue("billing")).messageCount;
    },
    async letters() {
      const letters: Letter[] = [];
      const current = await onCurrent();
      for (let got = await current.get("billing.dead", { noAck: true }); got !== false;) {
        const { headers = {}, messageId } = got.properties;
        letters.push({
          id: String(messageId),
          body: got.content.toString(),
          reason: headers["dead-letter-reason"],
          detail: headers["dead-letter-detail"],
          consumer: headers["dead-letter-consumer"],
        });
        got = await current.get("billing.dead", { noAck: true });
      }
      return letters;
    },
  };
};

/** A stream for orders with a consumer for billing, and one for dead letters. */
export async function jetstreamOf(connection: NatsConnection, more: { max_ack_pending?: number } = {}) {
  const maker = await streamMaker(connection);
  for (const [name, subject] of [
    ["orders", "orders.>"],
    ["dead", "dead.>"],
  ] as const) {
    await maker.streams.add({ name, subjects: [subject] });
    await maker.streams.purge(name);
  }
  await maker.consumers.delete("orders", "billing").catch(() => undefined);
  const config = { durable_name: "billing", ack_policy: AckPolicy.Explicit, ack_wait: 1e9, ...more };
  await maker.consumers.add("orders", config);
  return jetstreamManager(connection);
}

export const openJetstream: Open = async ({ url }) => {
  const connection = closeLater(await connectNats({ servers: url, maxReconnectAttempts: -1, reconnectTimeWait: 50 }));
  const manager = await jetstreamOf(connection);
  const client = jetstream(connection);
  return {
    send: (id, body) => client.publish("orders.placed", body, id === undefined ? {} : { msgID: id }),
    publish: publishToJetstream(client, { headers, subject: () => "orders.placed" }),
    async consume(inbox, work) {
      const source = await client.consumers.get("orders", "billing");
      const options = { inbox, jetstream: client, headers, deadLetterSubject: "dead.billing" };
      return closeLater(await consumeJetstream(source, options, work));
    },
    async waiting() {
      const { num_pending: pending, num_ack_pending: unacknowledged } = await manager.consumers.info(
        "orders",
        "billing",
      );
      return pending + unacknowledged;
    },
    async letters() {
      const { state } = await manager.streams.info("dead");
      const letters: Letter[] = [];
      for (let seq = state.first_seq; seq <= state.last_seq; seq += 1) {
        const stored = await manager.streams.getMessage("dead", { seq });
        const header = (name: string) => stored!.header.get(name);
        letters.push({
          id: header("dead-letter-id"),
          body: new TextDecoder().decode(stored!.data),
          reason: header("dead-letter-reason"),
          detail: header("dead-letter-detail"),
          consumer: header("dead-letter-consumer"),
        });
      }
      return letters;
    },
  };
};

export const openRedis =
  (clientName: "ioredis" | "redis"): Open =>
  async ({ url }) => {
    const reader = new Redis(url, { retryStrategy: () => 50 });
    reader.on("error", () => undefined);
    const other = createClient({ url, socket: { reconnectStrategy: () => 50 } });
    other.on("error", () => undefined);
    await other.connect();
    onTestFinished(() => {
      reader.disconnect();
      other.destroy();
    });
    await reader.flushall();
    await reader.xgroup("CREATE", "orders", "billing", "0", "MKSTREAM");
    return {
      send: (id, body) => reader.xadd("orders", "*", ...(id === undefined ? [] : ["id", id]), "body", body),
      publish: publishToRedisStreams(reader, { stream: () => "orders" }),
      async consume(inbox, work) {
        const options = { inbox, stream: "orders", claimIdleMs: 500, pollMs: 20 };
        const client = clientName === "ioredis" ? reader : other;
        return closeLater(await consumeRedisStreams(client, options, work));
      },
      async waiting() {
        const [group] = (await reader.xinfo("GROUPS", "orders")) as unknown[][];
        const fact = (name: string) => Number(group![group!.indexOf(name) + 1]);
        return fact("pending") + fact("lag");
      },
      async letters() {
        const entries = await reader.xrange("orders:dead", "-", "+");
        return entries.map(([, [, id = "", , , , text = "{}", , body = ""]]) => {
          const fields = JSON.parse(text) as Record<string, string>;
          return {
            id,
            body,
            reason: fields["dead-letter-reason"],
            detail: fields["dead-letter-detail"],
            consumer: fields["dead-letter-consumer"],
          };
        });
      },
    };
  };

/** A queue of SQS for orders, and one for its dead letters, both empty. */
export async function queuesOf(client: SQS, kind: "" | ".fifo"): Promise<{ queueUrl: string; letters: string }> {
  const fifo = kind === "" ? undefined : { FifoQueue: "true" };
  const [queueUrl, letters] = await Promise.all(
    [`billing${kind}`, `billing-dead${kind}`].map(async (QueueName) => {
      const found = await client.getQueueUrl({ QueueName }).catch(() => undefined);
      if (found !== undefined) await client.deleteQueue({ QueueUrl: found.QueueUrl! });
      const Attributes = { VisibilityTimeout: "2", ...fifo };
      return (await client.createQueue({ QueueName, Attributes })).QueueUrl!;
    }),
  );
  return { queueUrl: queueUrl!, letters: letters! };
}

/** How many messages a queue of SQS has, those that are handled included. */
export async function waitingIn(client: SQS, QueueUrl: string): Promise<number> {
  const AttributeNames = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"] as const;
  const { Attributes = {} } = await client.getQueueAttributes({ QueueUrl, AttributeNames: [...AttributeNames] });
  return AttributeNames.reduce((sum, name) => sum + Number(Attributes[name]), 0);
}

export const openSqs =
  (kind: "" | ".fifo" = ""): Open =>
  async (server) => {
    const client = new SQS(awsClientOptions(server));
    onTestFinished(() => client.destroy());
    const { queueUrl, letters } = await queuesOf(client, kind);
    return {
      send: (id, body) =>
        client.sendMessage({
          QueueUrl: queueUrl,
          MessageBody: body,
          ...(id !== undefined && { MessageAttributes: { id: { DataType: "String", StringValue: id } } }),
          // Without an id of the producer, SQS has one of the content.
          ...(kind !== "" && {
            MessageGroupId: "orders",
            MessageDeduplicationId: id === undefined ? "ab".repeat(32) : randomUUID(),
          }),
        }),
      publish: publishToSqs(client, { queueUrl }),
      consume: async (inbox, work) => closeLater(await consumeSqs(client, { inbox, queueUrl, waitSeconds: 1 }, work)),
      waiting: () => waitingIn(client, queueUrl),
      async letters() {
        const found: Letter[] = [];
        for (;;) {
          const { Messages = [] } = await client.receiveMessage({
            QueueUrl: letters,
            MaxNumberOfMessages: 10,
            MessageAttributeNames: ["All"],
          });
          if (Messages.length === 0) return found;
          for (const { Body = "", ReceiptHandle, MessageAttributes = {} } of Messages) {
            const { headers, encoding } = MessageAttributes;
            const fields = JSON.parse(headers?.StringValue ?? "{}") as Record<string, string>;
            found.push({
              id: fields["dead-letter-id"] ?? "",
              body: encoding === undefined ? Body : Buffer.from(Body, "base64").toString(),
              reason: fields["dead-letter-reason"],
              detail: fields["dead-letter-detail"],
              consumer: fields["dead-letter-consumer"],
            });
            await client.deleteMessage({ QueueUrl: letters, ReceiptHandle });
          }
        }
      },
    };
  };

export async function emptied({ waiting }: Pick<Broker, "waiting">): Promise<void> {
  while ((await waiting()) > 0) await setTimeout(20);
}
