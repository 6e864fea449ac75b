import { setTimeout } from "node:timers/promises";
import { SQS } from "@aws-sdk/client-sqs";
import { AckPolicy, jetstream, jetstreamManager } from "@nats-io/jetstream";
import { connect as connectNats, headers } from "@nats-io/transport-node";
import amqplib from "amqplib";
import { Queue, Worker } from "bullmq";
import { Redis } from "ioredis";
import { describe, expect, onTestFinished, test } from "vitest";
import { NoEffectError } from "../../packages/once-again/src/engine/index.ts";
import {
  bullmqProcessor,
  consumeJetstream,
  consumeRabbitmq,
  consumeSqs,
  type MessageWork,
  openInbox,
  readJson,
} from "../../packages/once-again/src/messaging/inbox/index.ts";
import type { ReadableMessage } from "../../packages/once-again/src/messaging/inbox/inbox-message.ts";
import type { JetstreamDelivery } from "../../packages/once-again/src/messaging/inbox/consumers/jetstream-client.ts";
import { publishToSqs } from "../../packages/once-again/src/messaging/outbox/index.ts";
import { memoryStore } from "../../packages/once-again/src/stores/memory/index.ts";
import { sqliteStore } from "../../packages/once-again/src/stores/sqlite/index.ts";
import { describeWithServer } from "../support/servers/describe-with-server.ts";
import { startFauxqs } from "../support/servers/fauxqs.ts";
import { awsClientOptions, motoBinary, startMoto } from "../support/servers/moto.ts";
import { natsBinary, startNats } from "../support/servers/nats.ts";
import type { PrivateServer } from "../support/servers/private-server.ts";
import { rabbitmqBinary, startRabbitmq } from "../support/servers/rabbitmq.ts";
import { redisBinary, startRedis } from "../support/servers/redis.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import {
  closeLater,
  emptied,
  jetstreamOf,
  type Letter,
  type Open,
  openJetstream,
  openRabbitmq,
  openRedis,
  openSqs,
  queuesOf,
  serverOf,
  waitingIn,
} from "./brokers.ts";

/** An inbox with effects in memory, each an id. */
function leasedInbox() {
  const inbox = closeLater(
    openInbox({
      store: memoryStore(),
      consumer: "billing",
      deliveriesMax: 2,
      backoff: () => 1,
      onError: () => undefined,
    }),
  );
  const effects: string[] = [];
  return { inbox, effects };
}

/** Headers with an id that JetStream does not look at. */
function producerHeaders(id: string) {
  const given = headers();
  given.set("id", id);
  return given;
}

function consumerCases(open: Open, server: () => PrivateServer): void {
  test("a message that comes twice has one effect, and is acknowledged", async () => {
    const broker = await open(server());
    const { inbox, effects } = leasedInbox();
    const consume = () =>
      broker.consume(inbox, ({ id, body }) => void effects.push(`${id} ${new TextDecoder().decode(body)}`));
    let consumer = await consume();
    for (const id of ["1", "2", "1", "3", "2"]) await broker.send(id, "tea");
    while (effects.length < 3) await setTimeout(10);
    for (;;) {
      await emptied(broker);
      // RabbitMQ counts what is not acknowledged when its consumer is gone.
      await consumer.close();
      if ((await broker.waiting()) === 0) break;
      // A repeat that was delivered, and not handled when its consumer closed, was given back.
      consumer = await consume();
    }
    expect(effects.toSorted()).toEqual(["1 tea", "2 tea", "3 tea"]);
    expect(await broker.letters()).toEqual([]);
  });

  test("what can't be handled is a dead letter, with its bytes and its reason, and the others go on", async () => {
    const broker = await open(server());
    const { inbox, effects } = leasedInbox();
    await broker.consume(inbox, (message) => {
      if (message.id === "failing") throw new NoEffectError("sold out");
      readJson(message);
      effects.push(message.id);
    });
    await broker.send(undefined, "{}");
    await broker.send("failing", "{}");
    await broker.send("text", "no JSON: ä");
    await broker.send("good", "{}");
    while (effects.length < 1) await setTimeout(10);
    let letters: Letter[] = [];
    while (letters.length < 3) letters.push(...(await broker.letters().then((found) => found.slice(letters.length))));
    await emptied(broker);
    letters = letters.toSorted((one, other) => String(one.reason).localeCompare(String(other.reason)));
    expect(letters).toMatchObject([
      { id: "failing", body: "{}", reason: "failed", detail: "tried 2 times, at last: sold out", consumer: "billing" },
      { id: "text", body: "no JSON: ä", reason: "rejected", detail: "The body is no JSON." },
      { body: "{}", reason: "unreadable" },
    ]);
    expect(effects).toEqual(["good"]);
  });
}

describeWithServer("consuming from RabbitMQ", rabbitmqBinary, () => {
  const server = serverOf(startRabbitmq);
  consumerCases(openRabbitmq, server);

  test("a consumer goes on after the broker was killed", async () => {
    const broker = await openRabbitmq(server());
    await server().stop();
    await server().restart();
    const { inbox, effects } = leasedInbox();
    const again = await openRabbitmq(server());
    await again.consume(inbox, ({ id }) => void effects.push(id));
    await again.send("1", "tea");
    while (effects.length < 1) await setTimeout(10);
    await server().kill();
    await server().restart();
    await (await openRabbitmq(server())).send("2", "tea");
    while (effects.length < 2) await setTimeout(10);
    expect(effects).toEqual(["1", "2"]);
    void broker;
  });

  test("what can't be acknowledged, since the broker was killed meanwhile, is said, and comes again", async () => {
    const broker = await openRabbitmq(server());
    await server().stop();
    await server().restart();
    const connection = await amqplib.connect(server().url, { recovery: { initialDelay: 20, maxDelay: 200 } });
    connection.on("error", () => undefined);
    closeLater(connection);
    const { inbox, effects } = leasedInbox();
    const errors: unknown[] = [];
    const [begun, ended] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const onError = (error: unknown) => void errors.push(error);
    const work = async ({ id }: { id: string }): Promise<void> => {
      effects.push(id);
      begun.resolve();
      await ended.promise;
    };
    closeLater(await consumeRabbitmq(connection, { inbox, queue: "billing", onError }, work));
    const again = await openRabbitmq(server());
    await again.send("1", "tea");
    await begun.promise;
    await server().kill();
    ended.resolve();
    while (!errors.some((error) => /closed/i.test(String(error)))) await setTimeout(10);
    await server().restart();
    await emptied(await openRabbitmq(server()));
    expect(effects).toEqual(["1"]);
    void broker;
  });

  test("an option id that can't read a message makes a dead letter of it, and the others go on", async () => {
    const broker = await openRabbitmq(server());
    const connection = closeLater(await amqplib.connect(server().url));
    const { inbox, effects } = leasedInbox();
    const errors: unknown[] = [];
    const id = ({ content }: { content: Buffer }) => (JSON.parse(content.toString()) as { id: string }).id;
    const options = { inbox, queue: "billing", id, onError: (error: unknown) => void errors.push(error) };
    closeLater(await consumeRabbitmq(connection, options, (message) => void effects.push(message.id)));
    await broker.send("1", "no JSON");
    await broker.send("2", '{"id":"2"}');
    while (effects.length < 1) await setTimeout(10);
    let letters: Letter[] = [];
    while (letters.length < 1) letters = await broker.letters();
    expect(letters).toMatchObject([{ body: "no JSON", reason: "unreadable" }]);
    expect([effects, errors.map((error) => (error as Error).name)]).toEqual([["2"], ["SyntaxError"]]);
  });

  test("a queue that is not there is reported at once", async () => {
    const connection = closeLater(await amqplib.connect(server().url));
    const { inbox } = leasedInbox();
    const consumed = consumeRabbitmq(
      connection,
      { inbox, queue: "missing", onError: () => undefined },
      () => undefined,
    );
    await expect(consumed).rejects.toThrow(/no queue 'missing'/);
  });
});

describeWithServer("consuming from JetStream", natsBinary, () => {
  const server = serverOf(() => startNats());
  consumerCases(openJetstream, server);

  test("a message is not delivered to another consumer while its work takes longer than the ack wait", async () => {
    const broker = await openJetstream(server());
    const { inbox, effects } = leasedInbox();
    await broker.consume(inbox, async ({ id }) => {
      await setTimeout(2500);
      effects.push(id);
    });
    await broker.send("long", "tea");
    await emptied(broker);
    const connection = closeLater(await connectNats({ servers: server().url }));
    const { delivered } = await (await jetstreamManager(connection)).consumers.info("orders", "billing");
    expect([effects, delivered.consumer_seq]).toEqual([["long"], 1]);
  });

  /** A stream and a consumer that keeps its order, and what consumes with a mark in SQLite; effects are bodies. */
  async function markedConsumer() {
    const connection = closeLater(await connectNats({ servers: server().url }));
    const manager = await jetstreamOf(connection, { max_ack_pending: 1 });
    const client = jetstream(connection);
    const store = closeLater(sqliteStore({ path: `${temporaryFolder()}/marks.db` }));
    const rules = { backoff: () => 1, onError: () => undefined };
    const inbox = closeLater(openInbox({ mode: "transactional", store, consumer: "billing", ...rules }));
    const effects: string[] = [];
    const options = { inbox, jetstream: client, headers, deadLetterSubject: "dead.billing", highWaterMark: true };
    let runs = 0;
    /** Consumes until nothing waits; each third run fails. */
    const consumeAll = async (
      more: { id?: (delivery: JetstreamDelivery) => string | undefined } = {},
    ): Promise<void> => {
      const source = await client.consumers.get("orders", "billing");
      const consumer = await consumeJetstream(source, { ...options, onError: () => undefined, ...more }, ({ body }) => {
        if ((runs += 1) % 3 === 0) throw new Error("not yet");
        effects.push(new TextDecoder().decode(body));
      });
      const waiting = async (): Promise<number> => {
        const { num_pending: pending, num_ack_pending: taken } = await manager.consumers.info("orders", "billing");
        return pending + taken;
      };
      await emptied({ waiting });
      await consumer.close();
    };
    return { manager, client, store, inbox, effects, options, consumeAll };
  }

  test("a high-water mark finds repeats without a record of each, in the stream's order", async () => {
    const { manager, client, store, effects, consumeAll } = await markedConsumer();
    const bodies = Array.from({ length: 12 }, (_, index) => `${index}`);
    for (const body of bodies) await client.publish("orders.placed", body);
    await consumeAll({ id: () => undefined });
    expect(effects, "each in its turn, also behind one that fails").toEqual(bodies);
    // A consumer that is made anew gets everything again, as after an acknowledgement that was lost.
    await manager.consumers.delete("orders", "billing");
    const config = { durable_name: "billing", ack_policy: AckPolicy.Explicit, max_ack_pending: 1 };
    await manager.consumers.add("orders", config);
    await client.publish("orders.placed", "12");
    await consumeAll({ id: () => undefined });
    expect(effects).toEqual([...bodies, "12"]);
    expect(await store.list({})).toEqual([]);
    // A stream that is made anew begins its numbers again: they are other messages'.
    await manager.streams.delete("orders");
    await manager.streams.add({ name: "orders", subjects: ["orders.>"] });
    await manager.consumers.add("orders", config);
    await client.publish("orders.placed", "anew");
    await consumeAll({ id: () => undefined });
    expect(effects.at(-1)).toBe("anew");
  });

  test("beside a mark, ids tell what a producer sent twice", async () => {
    const { client, effects, consumeAll } = await markedConsumer();
    for (const subject of ["orders.placed", "orders.again"]) {
      await client.publish(subject, "tea", { headers: producerHeaders("7") });
    }
    await consumeAll({ id: ({ headers: given }) => given?.get("id") });
    expect(effects).toEqual(["tea"]);
  });

  test("a high-water mark is refused where it would lose messages, or has no transaction to move in", async () => {
    const { manager, client, inbox, options } = await markedConsumer();
    const source = await client.consumers.get("orders", "billing");
    const consume = (given: object, from = source) =>
      consumeJetstream(from, { ...options, ...given } as never, () => undefined);
    const refused = (option: string, wanted: string) => ({
      code: "ONCE_OPTION_INVALID",
      details: { option },
      message: expect.stringContaining(wanted) as string,
    });
    await expect(consume({ inbox: leasedInbox().inbox })).rejects.toMatchObject(
      refused("highWaterMark", "transactional"),
    );
    await expect(consume({ concurrency: 2 })).rejects.toMatchObject(refused("concurrency", "1"));
    const publisher = { publish: () => client.publish("orders.placed") };
    await expect(consume({ jetstream: publisher })).rejects.toMatchObject(refused("jetstream", "jetstreamManager"));
    await manager.consumers.update("orders", "billing", { max_ack_pending: 2 });
    await expect(consume({ inbox })).rejects.toMatchObject(refused("The consumer's max_ack_pending", "the order"));
  });

  test("a consumer that would lose messages is refused", async () => {
    const connection = closeLater(await connectNats({ servers: server().url }));
    const manager = await jetstreamOf(connection);
    const client = jetstream(connection);
    const { inbox } = leasedInbox();
    for (const [name, config] of Object.entries({
      none: { ack_policy: AckPolicy.None },
      few: { ack_policy: AckPolicy.Explicit, max_deliver: 3 },
    })) {
      await manager.consumers.add("orders", { durable_name: name, ...config });
      const options = { inbox, jetstream: client, headers, deadLetterSubject: "dead.billing" };
      const consumed = consumeJetstream(await client.consumers.get("orders", name), options, () => undefined);
      await expect(consumed).rejects.toMatchObject({ code: "ONCE_OPTION_INVALID" });
    }
  });
});

describe("a connection that is closed while a message is handled", () => {
  test("does not end the process: JetStream", async () => {
    const errors: unknown[] = [];
    const gone = (): never => {
      throw new Error("closed connection");
    };
    const delivery = {
      subject: "orders.placed",
      data: new Uint8Array(),
      headers: { keys: () => [], get: () => "1" },
      info: { stream: "orders", deliveryCount: 1, deliverySequence: 1, streamSequence: 1, timestampNanos: 0 },
      ackAck: async () => gone(),
      nak: gone,
      working: gone,
    };
    const deliver = async function* () {
      yield delivery;
      await closed.promise;
    };
    const closed = Promise.withResolvers<void>();
    const source = {
      info: async () => ({ stream_name: "orders", config: { ack_policy: "explicit", ack_wait: 10e6 } }),
      consume: async () => ({ [Symbol.asyncIterator]: deliver, close: async () => closed.resolve() }),
    };
    const { inbox } = leasedInbox();
    const jetstream = { publish: async () => ({ duplicate: false }) };
    const onError = (error: unknown) => void errors.push(error);
    const options = { inbox, jetstream, headers, deadLetterSubject: "dead", onError };
    // Its work takes until it could not be said that it is at work, and goes on after that.
    const work = async () => {
      while (errors.length < 2) await setTimeout(1);
    };
    closeLater(await consumeJetstream(source, options, work));
    while (errors.length < 3) await setTimeout(1);
    expect(new Set(errors.map(String))).toEqual(new Set(["Error: closed connection"]));
  });
});

describeWithServer("consuming from Redis Streams", redisBinary, () => {
  const server = serverOf(() => startRedis());
  describe.for(["ioredis", "redis"] as const)("through %s", (client) => {
    consumerCases(openRedis(client), server);
  });
});

const sqsServers = { fauxqs: startFauxqs, moto: startMoto } as const;

describe("consuming from SQS, by fauxqs", () => {
  sqsCases("fauxqs");
});

describeWithServer("consuming from SQS, by moto", motoBinary, () => {
  sqsCases("moto");
});

function sqsCases(emulator: keyof typeof sqsServers): void {
  const server = serverOf(sqsServers[emulator]);
  describe("a queue", () => {
    consumerCases(openSqs(), server);
  });
  describe("a FIFO queue", () => {
    consumerCases(openSqs(".fifo"), server);
  });

  const open = async (kind: "" | ".fifo" = "") => {
    const client = new SQS(awsClientOptions(server()));
    onTestFinished(() => client.destroy());
    return { client, ...(await queuesOf(client, kind)) };
  };
  const id = (StringValue: string) => ({ id: { DataType: "String", StringValue } });

  test("a message stays hidden for as long as it is handled, and its effect happens once", async () => {
    const { client, queueUrl } = await open();
    const { inbox, effects } = leasedInbox();
    const other = leasedInbox();
    const work = async (): Promise<void> => {
      effects.push("begun");
      // Longer than the queue hides it.
      await setTimeout(3000);
    };
    closeLater(await consumeSqs(client, { inbox, queueUrl, waitSeconds: 1 }, work));
    await client.sendMessage({ QueueUrl: queueUrl, MessageBody: "tea", MessageAttributes: id("7") });
    while (effects.length < 1) await setTimeout(5);
    // An inbox with another store would have the effect again.
    const second = { inbox: other.inbox, queueUrl, waitSeconds: 1 };
    closeLater(await consumeSqs(client, second, () => void effects.push("again")));
    await setTimeout(3500);
    expect(effects).toEqual(["begun"]);
  });

  test("a message that was handled and not deleted is a repeat, and is deleted then", async () => {
    const { client, queueUrl } = await open();
    const { inbox, effects } = leasedInbox();
    let fails = true;
    const errors: unknown[] = [];
    const late = new Proxy(client, {
      get(target, name: keyof SQS) {
        if (name !== "deleteMessage" || !fails) {
          const value: unknown = target[name];
          return typeof value === "function" ? (value.bind(target) as unknown) : value;
        }
        fails = false;
        return async () => Promise.reject(new Error("lost"));
      },
    });
    const options = { inbox, queueUrl, waitSeconds: 1, onError: (error: unknown) => void errors.push(error) };
    closeLater(await consumeSqs(late, options, () => void effects.push("7")));
    await client.sendMessage({ QueueUrl: queueUrl, MessageBody: "tea", MessageAttributes: id("7") });
    while (effects.length < 1) await setTimeout(5);
    await emptied({ waiting: () => waitingIn(client, queueUrl) });
    expect(effects).toEqual(["7"]);
    expect(errors.map(String)).toEqual(["Error: lost"]);
  });

  test("what publishToSqs sends arrives as it was added: bytes, headers, topic and id", async () => {
    const { client, queueUrl } = await open();
    const { inbox } = leasedInbox();
    const bodies = [
      Uint8Array.from({ length: 256 }, (_, index) => index),
      new Uint8Array(),
      Buffer.from("a\u0000ä\ufeff"),
    ];
    const publish = publishToSqs(client, { queueUrl });
    const { signal } = new AbortController();
    await Promise.all(
      bodies.map((body, index) => {
        const message = {
          id: String(index),
          topic: "orders.placed",
          orderingKey: "order 7",
          headers: { a: "b" },
          addedAt: 0,
        };
        return publish({ ...message, body }, { signal });
      }),
    );
    const got: ReadableMessage[] = [];
    closeLater(await consumeSqs(client, { inbox, queueUrl, waitSeconds: 1 }, (message) => void got.push(message)));
    while (got.length < bodies.length) await setTimeout(10);
    const sorted = got.toSorted((one, other) => one.id.localeCompare(other.id));
    expect(sorted).toMatchObject(
      bodies.map((_, index) => ({ id: String(index), topic: "orders.placed", headers: { a: "b" } })),
    );
    expect(sorted.map(({ body }) => Buffer.from(body))).toEqual(bodies.map((body) => Buffer.from(body)));
  });

  // moto 5.1.1 breaks the order of a group after a time-out.
  test.runIf(emulator === "fauxqs")("a FIFO group keeps its order, also behind a message that fails", async () => {
    const { client, queueUrl } = await open(".fifo");
    const { inbox, effects } = leasedInbox();
    let failures = 0;
    const work = async ({ id: groupAndId }: ReadableMessage): Promise<void> => {
      const [, each = ""] = groupAndId.split(" ");
      await setTimeout(5);
      if (each === "a2" && (failures += 1) === 1) throw new NoEffectError("not yet");
      effects.push(each);
    };
    for (const name of ["a1", "a2", "a3", "b1", "a4", "b2"]) {
      const group = { MessageGroupId: name[0], MessageDeduplicationId: name };
      await client.sendMessage({ QueueUrl: queueUrl, MessageBody: "tea", ...group });
    }
    closeLater(await consumeSqs(client, { inbox, queueUrl, waitSeconds: 1 }, work));
    while (effects.length < 6) await setTimeout(10);
    expect(effects.filter((name) => name.startsWith("a"))).toEqual(["a1", "a2", "a3", "a4"]);
    expect(effects.filter((name) => name.startsWith("b"))).toEqual(["b1", "b2"]);
  });

  test("a queue that gives messages up early is reported, and one that is not there is refused", async () => {
    const { client, queueUrl, letters } = await open();
    const { inbox } = leasedInbox();
    const errors: unknown[] = [];
    const attributes = await client.getQueueAttributes({ QueueUrl: letters, AttributeNames: ["QueueArn"] });
    const RedrivePolicy = JSON.stringify({
      deadLetterTargetArn: attributes.Attributes!["QueueArn"],
      maxReceiveCount: 3,
    });
    await client.setQueueAttributes({ QueueUrl: queueUrl, Attributes: { RedrivePolicy } });
    const options = { inbox, queueUrl, onError: (error: unknown) => void errors.push(error) };
    await (await consumeSqs(client, { ...options, waitSeconds: 0 }, () => undefined)).close();
    expect(errors.map(String)).toEqual([expect.stringContaining("at least 4")]);
    const missing = consumeSqs(client, { ...options, deadLetterQueueUrl: `${queueUrl}-none` }, () => undefined);
    await expect(missing).rejects.toThrow(/exist/i);
  });
}

test.for([
  ["no client", () => consumeSqs({} as never, { inbox: leasedInbox().inbox, queueUrl: "q" }, () => undefined)],
  [
    "no queue",
    () => consumeSqs(new SQS({ region: "a" }), { inbox: leasedInbox().inbox, queueUrl: "" }, () => undefined),
  ],
  [
    "a wait beyond what SQS has",
    () =>
      consumeSqs(
        new SQS({ region: "a" }),
        { inbox: leasedInbox().inbox, queueUrl: "q", waitSeconds: 21 },
        () => undefined,
      ),
  ],
] as const)("consumeSqs refuses %s", async ([, consume]) => {
  await expect(consume()).rejects.toMatchObject({ code: "ONCE_OPTION_INVALID" });
});

describeWithServer("consuming from BullMQ", redisBinary, () => {
  const server = serverOf(() => startRedis());
  const connectionOf = () => {
    const connection = new Redis(server().url, { maxRetriesPerRequest: null });
    onTestFinished(() => connection.disconnect());
    return connection;
  };

  test("a job that is added again has one effect, and a dead letter is a failed job with its reason", async () => {
    const { inbox, effects } = leasedInbox();
    const queue = closeLater(new Queue("billing", { connection: connectionOf() }));
    const work: MessageWork<undefined> = (message) => {
      const { item } = readJson(message) as { item: string };
      if (item === "poison") throw new Error("no such item");
      effects.push(`${message.id} ${message.topic} ${item}`);
    };
    closeLater(new Worker("billing", bullmqProcessor({ inbox }, work), { connection: connectionOf() }));
    const add = (jobId: string, item: string) =>
      queue.add("charge", { item }, { jobId, removeOnComplete: true, attempts: 5 });
    await add("a", "tea");
    while (effects.length < 1) await setTimeout(10);
    while ((await queue.getJob("a")) !== undefined) await setTimeout(10);
    await add("a", "tea");
    await add("b", "poison");
    while ((await queue.getFailedCount()) < 1) await setTimeout(10);
    while ((await queue.getJob("a")) !== undefined) await setTimeout(10);
    expect(effects).toEqual(["a charge tea"]);
    const [failed] = await queue.getFailed();
    expect(failed).toMatchObject({ id: "b", failedReason: "outcome-unknown: no such item", attemptsMade: 1 });
  });
});
