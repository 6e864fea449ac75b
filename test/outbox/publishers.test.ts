import { randomUUID } from "node:crypto";
import { setTimeout } from "node:timers/promises";
import { EventBridge } from "@aws-sdk/client-eventbridge";
import { SNS } from "@aws-sdk/client-sns";
import { type Message as SqsMessage, SQS } from "@aws-sdk/client-sqs";
import { jetstream, jetstreamManager } from "@nats-io/jetstream";
import { connect as connectNats, headers } from "@nats-io/transport-node";
import amqplib from "amqplib";
import { Redis } from "ioredis";
import { createClient } from "redis";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import {
  openRelay,
  type OutboxMessage,
  type Publish,
  publishToEventBridge,
  publishToHttp,
  publishToJetstream,
  publishToRabbitmq,
  publishToRedisStreams,
  publishToSns,
  publishToSqs,
  type RelayEvent,
} from "../../packages/once-again/src/messaging/outbox/index.ts";
import type { RelayOptions } from "../../packages/once-again/src/messaging/outbox/relay-options.ts";
import { startHttpServer } from "../support/http-server.ts";
import { memoryOutbox } from "../support/outbox/memory-outbox.ts";
import { describeWithServer } from "../support/servers/describe-with-server.ts";
import { cutProxy } from "../support/servers/cut-proxy.ts";
import { startFauxqs } from "../support/servers/fauxqs.ts";
import { awsClientOptions, motoBinary, startMoto } from "../support/servers/moto.ts";
import { natsBinary, startNats, streamMaker } from "../support/servers/nats.ts";
import type { PrivateServer } from "../support/servers/private-server.ts";
import { rabbitmqBinary, startRabbitmq } from "../support/servers/rabbitmq.ts";
import { redisBinary, startRedis } from "../support/servers/redis.ts";

const signal = new AbortController().signal;
const bytes = Uint8Array.from({ length: 256 }, (_, index) => index);
const message: OutboxMessage = {
  id: "019abc",
  topic: "orders.placed",
  orderingKey: "order 7",
  headers: { "content-type": "application/octet-stream", traceparent: "00-1-1-01" },
  body: bytes,
  addedAt: 1_700_000_000_123,
};
const publishOne = (publish: Publish, changes: Partial<OutboxMessage> = {}) =>
  publish({ ...message, ...changes }, { signal });

/** A server for the tests of one description. */
function serverOf(start: () => Promise<PrivateServer>): () => PrivateServer {
  let server: PrivateServer;
  beforeAll(async () => {
    server = await start();
  });
  afterAll(() => server[Symbol.asyncDispose]());
  return () => server;
}

/** A relay on an outbox in memory. */
function relayInMemory(options: Pick<RelayOptions, "publish"> & Partial<RelayOptions>) {
  const { outbox, begin } = memoryOutbox();
  const relay = openRelay({ outbox, pollMs: 20, ...options });
  onTestFinished(() => relay.close());
  const add = async (...topics: readonly string[]): Promise<void> => {
    const { transaction, commit } = await begin();
    for (const topic of topics) await outbox.add(transaction, { topic, body: topic });
    await commit();
  };
  return { relay, outbox, add };
}

/** Adds 200 messages of 5 keys while the server is restarted, and resolves when the outbox is empty. */
async function publishThroughRestart(
  publish: Publish,
  server: Pick<PrivateServer, "kill" | "restart">,
): Promise<RelayEvent[]> {
  const { outbox, begin, rows } = memoryOutbox();
  const events: RelayEvent[] = [];
  const relay = openRelay({
    outbox,
    publish,
    publishMsMax: 500,
    leaseMs: 2000,
    backoff: () => 50,
    pauseBackoff: () => 50,
    pollMs: 20,
    onEvent: (event) => events.push(event),
  });
  const restarted = (async () => {
    await setTimeout(200);
    await server.kill();
    await server.restart();
  })();
  for (let index = 0; index < 200; index += 1) {
    const { transaction, commit } = await begin();
    const id = String(index).padStart(3, "0");
    await outbox.add(transaction, { id, topic: "orders.placed", orderingKey: `key-${index % 5}`, body: id });
    await commit();
    await setTimeout(5);
  }
  await restarted;
  while (rows.length > 0) await setTimeout(20);
  await relay.close();
  return events;
}

/** Of ids that came, each key's in order, repeats left out. */
function expectAllInOrder(ids: readonly string[]): void {
  const first = [...new Set(ids)];
  expect(first).toHaveLength(200);
  for (let key = 0; key < 5; key += 1) {
    const ofKey = first.filter((id) => Number(id) % 5 === key);
    expect(ofKey).toEqual(ofKey.toSorted());
  }
}

describeWithServer("publishing to RabbitMQ", rabbitmqBinary, () => {
  const server = serverOf(startRabbitmq);
  let queues = 0;

  const open = async () => {
    const connection = await amqplib.connect(server().url, { recovery: { initialDelay: 20, maxDelay: 200 } });
    connection.on("error", () => undefined);
    onTestFinished(() => connection.close());
    const channel = await connection.createChannel();
    channel.on("error", () => undefined);
    const exchange = `shop-${(queues += 1)}`;
    await channel.assertExchange(exchange, "topic", { durable: true });
    const { queue } = await channel.assertQueue(`orders-${queues}`, { arguments: { "x-queue-type": "quorum" } });
    await channel.bindQueue(queue, exchange, "orders.*");
    return { connection, channel, exchange, queue };
  };

  test("a message is persistent, and is what was added", async () => {
    const { connection, channel, exchange, queue } = await open();
    await publishOne(publishToRabbitmq(connection, { exchange }));
    const got = await channel.get(queue, { noAck: true });
    expect(got).toMatchObject({
      fields: { routingKey: "orders.placed", exchange },
      properties: {
        messageId: "019abc",
        type: "orders.placed",
        contentType: "application/octet-stream",
        deliveryMode: 2,
        timestamp: 1_700_000_000,
        headers: { traceparent: "00-1-1-01", "ordering-key": "order 7" },
      },
    });
    expect(got).toHaveProperty("content", Buffer.from(bytes));
  });

  test("a message that no queue takes is refused, and others beside it are not", async () => {
    const { connection, exchange } = await open();
    const publish = publishToRabbitmq(connection, { exchange });
    const [taken, returned] = await Promise.allSettled([
      publishOne(publish),
      publishOne(publish, { id: "lost", topic: "missing" }),
    ]);
    expect(taken.status).toBe("fulfilled");
    expect(returned).toMatchObject({
      reason: { code: "ONCE_MESSAGE_REFUSED", message: expect.stringContaining("missing") },
    });
  });

  test("an exchange that is not there refuses, and the channel is opened again", async () => {
    const { connection, channel } = await open();
    const exchange = `late-${queues}`;
    const publish = publishToRabbitmq(connection, { exchange });
    await expect(publishOne(publish)).rejects.toMatchObject({ code: "ONCE_MESSAGE_REFUSED" });
    const several = await Promise.allSettled([publishOne(publish), publishOne(publish, { id: "other" })]);
    expect(several).toMatchObject([
      { reason: { code: "ONCE_BROKER_UNAVAILABLE" } },
      { reason: { code: "ONCE_BROKER_UNAVAILABLE" } },
    ]);
    await channel.assertExchange(exchange, "fanout");
    await channel.bindQueue(`orders-${queues}`, exchange, "");
    await publishOne(publish);
  });

  test("a queue that is full refuses a message for now, which is not the message's fault", async () => {
    const { connection, channel } = await open();
    const queue = `full-${queues}`;
    const limits = { "x-max-length": 1, "x-overflow": "reject-publish" };
    await channel.assertQueue(queue, { arguments: limits });
    const publish = publishToRabbitmq(connection, { exchange: "", routingKey: () => queue });
    await publishOne(publish);
    await expect(publishOne(publish)).rejects.toMatchObject({
      code: "ONCE_MESSAGE_REFUSED",
      details: { isTemporary: true },
    });
  });

  test("a queue that is full stops no other queue, and gets its messages when it has room", async () => {
    const { connection, channel } = await open();
    const [full, good] = [`full-${queues}`, `good-${queues}`];
    await channel.assertQueue(full, { arguments: { "x-max-length": 1, "x-overflow": "reject-publish" } });
    await channel.assertQueue(good);
    const { relay, outbox, add } = relayInMemory({
      publish: publishToRabbitmq(connection, { exchange: "" }),
      backoff: () => 50,
      refusalsMax: 2,
    });
    for (let count = 0; count < 50; count += 1) await add(full, good);
    await expect.poll(async () => (await channel.checkQueue(good)).messageCount).toBe(50);
    let got = 0;
    await channel.consume(full, () => (got += 1), { noAck: true });
    await expect.poll(() => got).toBe(50);
    await relay.idle();
    expect(await outbox.backlog()).toMatchObject({ messages: 0, parked: 0 });
  });

  test("a broker that is killed under load loses nothing, and keeps each key in order", async () => {
    const { connection, exchange, queue } = await open();
    // RabbitMQ (4.0.5) writes the name of a new quorum queue to disk within half a second, or when it stops: one that is
    // killed sooner has forgotten the queue.
    await server().stop();
    await server().restart();
    const events = await publishThroughRestart(publishToRabbitmq(connection, { exchange }), server());
    const channel = await connection.createChannel();
    const ids: string[] = [];
    for (let got = await channel.get(queue, { noAck: true }); got !== false;) {
      ids.push(String(got.properties.messageId));
      got = await channel.get(queue, { noAck: true });
    }
    expectAllInOrder(ids);
    expect(events.map(({ type }) => type)).toContain("place-unavailable");
  });
});

describeWithServer("publishing to JetStream", natsBinary, () => {
  const server = serverOf(() => startNats());

  const open = async () => {
    const connection = await connectNats({ servers: server().url, reconnectTimeWait: 50, maxReconnectAttempts: -1 });
    onTestFinished(() => connection.close());
    const manager = await jetstreamManager(connection);
    const maker = await streamMaker(connection);
    await maker.streams.add({ name: "orders", subjects: ["orders.>"] });
    await maker.streams.purge("orders");
    return { connection, manager, publish: publishToJetstream(jetstream(connection), { headers }) };
  };

  test("a message is what was added, and a repeat is heard and not stored", async () => {
    const { manager, publish } = await open();
    expect(await publishOne(publish)).toEqual({ isDuplicate: false });
    expect(await publishOne(publish)).toEqual({ isDuplicate: true });
    const { state } = await manager.streams.info("orders");
    expect(state.messages).toBe(1);
    const stored = await manager.streams.getMessage("orders", { seq: state.last_seq });
    expect(stored!.data).toEqual(bytes);
    expect(stored!.header.get("Nats-Msg-Id")).toBe("019abc");
    expect(stored!.header.get("traceparent")).toBe("00-1-1-01");
    expect(stored!.header.get("ordering-key")).toBe("order 7");
  });

  test("a subject that no stream has waits, and a message that the stream won't have is refused", async () => {
    const { manager, publish } = await open();
    await expect(publishOne(publish, { topic: "missing" })).rejects.toMatchObject({ code: "ONCE_BROKER_UNAVAILABLE" });
    await manager.streams.update("orders", { max_msg_size: 300 });
    const large = { id: "large", body: new Uint8Array(1000) };
    await expect(publishOne(publish, large)).rejects.toMatchObject({ code: "ONCE_MESSAGE_REFUSED" });
    const tooLarge = { id: "larger", body: new Uint8Array(3_000_000) };
    await expect(publishOne(publish, tooLarge)).rejects.toMatchObject({ code: "ONCE_MESSAGE_REFUSED" });
    await expect(publishOne(publish, { topic: "a b" })).rejects.toMatchObject({ code: "ONCE_MESSAGE_REFUSED" });
    await manager.streams.update("orders", { max_msg_size: -1 });
  });

  test("a stream that is full refuses its messages for now, and stops no other stream", async () => {
    const { manager, publish } = await open();
    await manager.streams.add({ name: "full", subjects: ["full"], max_msgs: 1, discard: "new" });
    const { relay, outbox, add } = relayInMemory({ publish, backoff: () => 50, refusalsMax: 2 });
    const before = (await manager.streams.info("orders")).state.messages;
    for (let count = 0; count < 20; count += 1) await add("full", "orders.placed");
    await expect.poll(async () => (await manager.streams.info("orders")).state.messages - before).toBe(20);
    // The stream has a message before its relay knows that.
    await expect.poll(() => outbox.backlog()).toMatchObject({ messages: 19, parked: 0 });
    await manager.streams.update("full", { max_msgs: 100 });
    await relay.idle();
    await expect.poll(async () => (await manager.streams.info("full")).state.messages).toBe(20);
  });

  test("a broker that is killed under load loses nothing, and keeps each key in order", async () => {
    const { manager, publish } = await open();
    await publishThroughRestart(publish, server());
    const { state } = await manager.streams.info("orders");
    const ids: string[] = [];
    for (let seq = state.first_seq; seq <= state.last_seq; seq += 1) {
      const stored = await manager.streams.getMessage("orders", { seq });
      ids.push(stored!.header.get("Nats-Msg-Id"));
    }
    expectAllInOrder(ids);
    expect(ids, "no repeat is stored").toHaveLength(200);
  });
});

describeWithServer("publishing to Redis Streams", redisBinary, () => {
  const server = serverOf(() => startRedis());

  const clients = {
    ioredis: async () => {
      const client = new Redis(server().port, { retryStrategy: () => 50 });
      client.on("error", () => undefined);
      onTestFinished(() => client.disconnect());
      return client;
    },
    redis: async () => {
      const client = createClient({ url: server().url, socket: { reconnectStrategy: () => 50 } });
      client.on("error", () => undefined);
      await client.connect();
      onTestFinished(() => client.destroy());
      return client;
    },
  };

  describe.for(Object.keys(clients) as (keyof typeof clients)[])("through %s", (name) => {
    test("a message is what was added, and a stream is trimmed", async () => {
      const reader = await clients.ioredis();
      const stream = `stream-${name}`;
      const publish = publishToRedisStreams(await clients[name](), { stream: () => stream, entriesMax: 100 });
      for (let entry = 0; entry < 1000; entry += 1) await publishOne(publish);
      expect(await reader.xlen(stream)).toBeLessThan(400);
      const [[, fields]] = (await reader.xrevrangeBuffer(stream, "+", "-", "COUNT", 1)) as [[Buffer, Buffer[]]];
      const [id, topic, orderingKey, headers, body] = fields.filter((_, index) => index % 2 === 1);
      expect([id, topic, orderingKey].map(String)).toEqual(["019abc", "orders.placed", "order 7"]);
      expect(JSON.parse(String(headers))).toEqual(message.headers);
      expect(body).toEqual(Buffer.from(bytes));
    });

    test("a key that is no stream refuses; a server that only reads is waited out", async () => {
      const client = await clients.ioredis();
      await client.set(`text-${name}`, "no stream");
      const publish = publishToRedisStreams(await clients[name]());
      await expect(publishOne(publish, { topic: `text-${name}` })).rejects.toMatchObject({
        code: "ONCE_MESSAGE_REFUSED",
      });
      await client.replicaof("127.0.0.1", "1");
      await expect(publishOne(publish)).rejects.toMatchObject({ code: "ONCE_BROKER_UNAVAILABLE" });
      await client.replicaof("NO", "ONE");
    });

    test("a server that is killed under load loses nothing, and keeps each key in order", async () => {
      const reader = await clients.ioredis();
      await reader.del("orders.placed");
      const publish = publishToRedisStreams(await clients[name]());
      await publishThroughRestart(publish, server());
      const entries = await reader.xrange("orders.placed", "-", "+");
      expectAllInOrder(entries.map(([, fields]) => fields[1]!));
    });
  });
});

const awsServers = { fauxqs: startFauxqs, moto: startMoto } as const;

describe("publishing to AWS, by fauxqs", () => {
  awsCases("fauxqs");
});

describeWithServer("publishing to AWS, by moto", motoBinary, () => {
  awsCases("moto");
});

/** The messages of a queue, read to its end. */
async function drain(client: SQS, QueueUrl: string): Promise<SqsMessage[]> {
  const found: SqsMessage[] = [];
  for (;;) {
    const { Messages = [] } = await client.receiveMessage({
      QueueUrl,
      MaxNumberOfMessages: 10,
      MessageAttributeNames: ["All"],
      // moto 5.1.1 knows the older name alone.
      AttributeNames: ["All"],
    });
    if (Messages.length === 0) return found;
    found.push(...Messages);
    for (const { ReceiptHandle } of Messages) await client.deleteMessage({ QueueUrl, ReceiptHandle });
  }
}

function awsCases(emulator: keyof typeof awsServers): void {
  const server = serverOf(awsServers[emulator]);
  const open = async (kind: "" | ".fifo" = "") => {
    const [client, sns] = [new SQS(awsClientOptions(server())), new SNS(awsClientOptions(server()))];
    onTestFinished(() => {
      client.destroy();
      sns.destroy();
    });
    const Attributes = kind === "" ? undefined : { FifoQueue: "true" };
    const { QueueUrl = "" } = await client.createQueue({ QueueName: `orders-${randomUUID()}${kind}`, Attributes });
    const { Attributes: facts = {} } = await client.getQueueAttributes({ QueueUrl, AttributeNames: ["QueueArn"] });
    return { client, sns, queueUrl: QueueUrl, queueArn: facts["QueueArn"]! };
  };
  const attributes = {
    id: { StringValue: "019abc" },
    topic: { StringValue: "orders.placed" },
    orderingKey: { StringValue: "order 7" },
    headers: { StringValue: JSON.stringify(message.headers) },
  };

  test("a message is what was added, its bytes in Base64 and a text as it is", async () => {
    const { client, queueUrl } = await open();
    const publish = publishToSqs(client, { queueUrl });
    await publishOne(publish);
    await publishOne(publish, { body: Buffer.from('{"item":"tée"}') });
    const found = await drain(client, queueUrl);
    expect(found).toHaveLength(2);
    const text = found.find(({ Body }) => Body === '{"item":"tée"}');
    expect(text).toMatchObject({ MessageAttributes: attributes });
    expect(text!.MessageAttributes).not.toHaveProperty("encoding");
    const coded = found.find((each) => each !== text)!;
    expect(coded).toMatchObject({ MessageAttributes: { ...attributes, encoding: { StringValue: "base64" } } });
    expect(Buffer.from(coded.Body!, "base64")).toEqual(Buffer.from(bytes));
  });

  test("a FIFO queue has the ordering key as its group, and drops a repeat of an id", async () => {
    const { client, queueUrl } = await open(".fifo");
    const publish = publishToSqs(client, { queueUrl });
    for (const id of ["1", "2", "1", "3"]) {
      await publishOne(publish, { id, orderingKey: "order-7", body: Buffer.from(id) });
    }
    await publishOne(publish, { id: "no key", orderingKey: undefined, body: Buffer.from("4") });
    const found = await drain(client, queueUrl);
    expect(found.map(({ Body }) => Body).filter((body) => body !== "4")).toEqual(["1", "2", "3"]);
    const [first] = found.filter(({ Body }) => Body === "1");
    expect(first).toMatchObject({ Attributes: { MessageGroupId: "order-7", MessageDeduplicationId: "1" } });
  });

  test("messages that come together go out ten at a time, and one that is refused refuses no other", async () => {
    const { client, queueUrl } = await open();
    const calls: number[] = [];
    const counting = {
      sendMessageBatch(input: Parameters<SQS["sendMessageBatch"]>[0]) {
        calls.push(input.Entries!.length);
        return client.sendMessageBatch(input);
      },
    };
    const publish = publishToSqs(counting, { queueUrl });
    const ids = Array.from({ length: 25 }, (_, index) => String(index));
    const publishAll = (body: (id: string) => Buffer) =>
      Promise.allSettled(ids.map((id) => publishOne(publish, { id, body: body(id) })));
    const all = await publishAll((id) => Buffer.from(id));
    expect(all.map(({ status }) => status)).toEqual(ids.map(() => "fulfilled"));
    expect(calls).toEqual([10, 10, 5]);
    expect((await drain(client, queueUrl)).map(({ Body = "" }) => Body).toSorted()).toEqual(ids.toSorted());
    // Larger than SQS takes.
    const some = await publishAll((id) => (id === "7" ? Buffer.alloc(1_200_000, "x") : Buffer.from(id)));
    const refused = some.flatMap((result, index) =>
      result.status === "rejected" ? [[index, result.reason as unknown]] : [],
    );
    expect(refused).toMatchObject([[7, { code: "ONCE_MESSAGE_REFUSED" }]]);
    expect(await drain(client, queueUrl)).toHaveLength(24);
  });

  test("a queue that is not there refuses its messages, and a service that is away is waited out", async () => {
    const { client, queueUrl } = await open();
    const place = ({ topic }: OutboxMessage) => (topic === "none" ? `${queueUrl}-none` : queueUrl);
    const publish = publishToSqs(client, { queueUrl: place });
    const [none, good] = await Promise.allSettled([publishOne(publish, { topic: "none" }), publishOne(publish)]);
    expect(none).toMatchObject({ reason: { code: "ONCE_MESSAGE_REFUSED" } });
    expect(good).toMatchObject({ status: "fulfilled" });
    const away = new SQS({ ...awsClientOptions({ url: "http://127.0.0.1:1" }), maxAttempts: 1 });
    onTestFinished(() => away.destroy());
    const lost = publishOne(publishToSqs(away, { queueUrl }));
    await expect(lost).rejects.toMatchObject({ code: "ONCE_BROKER_UNAVAILABLE" });
  });

  test("connections that are cut under load lose nothing, and keep each key in order", async () => {
    const { queueUrl, client } = await open(".fifo");
    await using proxy = await cutProxy(server().port);
    const through = new SQS({ ...awsClientOptions({ url: `http://127.0.0.1:${proxy.port}` }), maxAttempts: 1 });
    onTestFinished(() => through.destroy());
    const events = await publishThroughRestart(publishToSqs(through, { queueUrl }), {
      kill: async () => proxy.cut(),
      async restart() {
        await setTimeout(200);
        proxy.heal();
      },
    });
    const found = await drain(client, queueUrl);
    expectAllInOrder(found.map(({ MessageAttributes }) => MessageAttributes!["id"]!.StringValue!));
    expect(events.map(({ type }) => type)).toContain("place-unavailable");
  });

  test("a topic of SNS hands a message to a queue as it was published", async () => {
    const { client, sns, queueUrl, queueArn } = await open();
    const { TopicArn = "" } = await sns.createTopic({ Name: `shop-${randomUUID()}` });
    const Attributes = { RawMessageDelivery: "true" };
    await sns.subscribe({ TopicArn, Protocol: "sqs", Endpoint: queueArn, Attributes });
    await publishOne(publishToSns(sns, { topicArn: TopicArn }));
    const [found] = await drain(client, queueUrl);
    expect(found).toMatchObject({ MessageAttributes: { ...attributes, encoding: { StringValue: "base64" } } });
    expect(Buffer.from(found!.Body!, "base64")).toEqual(Buffer.from(bytes));
    const missing = publishToSns(sns, { topicArn: `${TopicArn}-none` });
    await expect(publishOne(missing)).rejects.toMatchObject({ code: "ONCE_MESSAGE_REFUSED" });
  });

  // fauxqs has no EventBridge.
  test.runIf(emulator === "moto")("an event bus has a message's id, topic, headers and data", async () => {
    const { client, queueUrl, queueArn } = await open();
    const bus = new EventBridge(awsClientOptions(server()));
    onTestFinished(() => bus.destroy());
    await bus.putRule({ Name: "orders", EventPattern: JSON.stringify({ source: ["shop"] }) });
    await bus.putTargets({ Rule: "orders", Targets: [{ Id: "1", Arn: queueArn }] });
    const publish = publishToEventBridge(bus, { source: "shop" });
    await publishOne(publish, { body: Buffer.from('{"item":"tea"}') });
    const [found] = await drain(client, queueUrl);
    expect(JSON.parse(found!.Body!)).toMatchObject({
      source: "shop",
      "detail-type": "orders.placed",
      detail: {
        metadata: { id: "019abc", topic: "orders.placed", orderingKey: "order 7", headers: message.headers },
        data: { item: "tea" },
      },
    });
    await expect(publishOne(publish)).rejects.toMatchObject({
      code: "ONCE_MESSAGE_REFUSED",
      details: { isFinal: true },
    });
    const odd = publishToEventBridge(bus, { source: "shop", detail: ({ id }) => (id === "odd" ? "no JSON" : "{}") });
    const ends = await Promise.allSettled([publishOne(odd), publishOne(odd, { id: "odd" })]);
    expect(ends).toMatchObject([{ status: "fulfilled" }, { reason: { code: "ONCE_MESSAGE_REFUSED" } }]);
  });
}

describe("publishing over HTTP", () => {
  test("a message is a POST with its id as key", async () => {
    const seen: unknown[] = [];
    const url = await startHttpServer(async (request, response) => {
      seen.push(request.method, request.url, request.headers, Buffer.concat(await request.toArray()));
      if (seen.length > 4) response.setHeader("idempotent-replayed", "true");
      response.writeHead(202).end("taken");
    });
    const headers = async ({ id }: OutboxMessage) => ({ authorization: `Signed ${id}` });
    const publish = publishToHttp({ url: `${url}/events`, headers });
    expect(await publishOne(publish)).toEqual({ isDuplicate: false });
    expect(await publishOne(publish)).toEqual({ isDuplicate: true });
    expect(seen.slice(0, 4)).toMatchObject([
      "POST",
      "/events",
      {
        "idempotency-key": "019abc",
        topic: "orders.placed",
        "ordering-key": "order%207",
        authorization: "Signed 019abc",
        traceparent: "00-1-1-01",
      },
      Buffer.from(bytes),
    ]);
  });

  test.for([
    [503, "ONCE_BROKER_UNAVAILABLE", "ONCE_MESSAGE_REFUSED"],
    [409, "ONCE_BROKER_UNAVAILABLE", "ONCE_MESSAGE_REFUSED"],
    [400, "ONCE_MESSAGE_REFUSED", "ONCE_MESSAGE_REFUSED"],
    [500, "ONCE_MESSAGE_REFUSED", "ONCE_MESSAGE_REFUSED"],
  ] as const)("%i is %s of one place, and %s of many", async ([status, ofOne, ofMany]) => {
    const url = await startHttpServer((_request, response) => response.writeHead(status).end());
    await expect(publishOne(publishToHttp({ url }))).rejects.toMatchObject({ code: ofOne });
    await expect(publishOne(publishToHttp({ url: () => url }))).rejects.toMatchObject({ code: ofMany });
  });

  test("a server that can't be reached is waited out, and what is no request is refused", async () => {
    const publish = publishToHttp({ url: "http://127.0.0.1:1/" });
    await expect(publishOne(publish)).rejects.toMatchObject({ code: "ONCE_BROKER_UNAVAILABLE" });
    const unsendable = { headers: { "x-name": "\u{1F511}" } };
    await expect(publishOne(publish, unsendable)).rejects.toThrow(TypeError);
  });
});

test.for([
  ["publishToRabbitmq", () => publishToRabbitmq({} as never, { exchange: "shop" })],
  ["publishToRabbitmq", () => publishToRabbitmq({ createConfirmChannel: () => 0 } as never, {} as never)],
  ["publishToJetstream", () => publishToJetstream({ jetstream: () => 0, publish: () => 0 } as never, { headers })],
  ["publishToJetstream", () => publishToJetstream({ publish: () => 0 } as never, {} as never)],
  ["publishToRedisStreams", () => publishToRedisStreams({} as never)],
  ["publishToRedisStreams", () => publishToRedisStreams({ xadd: () => 0 } as never, { entriesMax: 0 })],
  ["publishToSqs", () => publishToSqs({} as never, { queueUrl: "q" })],
  ["publishToSqs", () => publishToSqs({ sendMessageBatch: () => 0 } as never, { queueUrl: "" })],
  ["publishToSns", () => publishToSns({} as never, { topicArn: "t" })],
  ["publishToEventBridge", () => publishToEventBridge({ putEvents: () => 0 } as never, { source: "" })],
  ["publishToEventBridge", () => publishToEventBridge({} as never, { source: "shop" })],
  ["publishToHttp", () => publishToHttp({ url: "/events" })],
  ["publishToHttp", () => publishToHttp({ url: "http://localhost", retries: 3 } as never)],
] as const)("%s refuses what makes no sense at once", ([, make]) => {
  expect(make).toThrow(expect.objectContaining({ code: "ONCE_OPTION_INVALID" }));
});
