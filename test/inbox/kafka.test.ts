import { setTimeout } from "node:timers/promises";
import { Kafka, logLevel, Partitioners } from "kafkajs";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import type { KafkaConsumerClient } from "../../packages/once-again/src/messaging/inbox/consumers/kafka.ts";
import {
  consumeKafka,
  type MessageWork,
  openInbox,
  rejectedError,
} from "../../packages/once-again/src/messaging/inbox/index.ts";
import { openRelay, publishToKafka } from "../../packages/once-again/src/messaging/outbox/index.ts";
import { memoryStore } from "../../packages/once-again/src/stores/memory/index.ts";
import { sqliteStore } from "../../packages/once-again/src/stores/sqlite/index.ts";
import { memoryOutbox } from "../support/outbox/memory-outbox.ts";
import { runCli } from "../support/cli.ts";
import { describeWithServer } from "../support/servers/describe-with-server.ts";
import { kafkaBinary, type KafkaMock, startKafka } from "../support/servers/kafka.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { closeLater } from "./brokers.ts";

// Kafka's protocol by librdkafka's mock: it has neither transactions nor fencing, so nothing is shown of these.

const [produceApi, commitApi] = [0, 8];
const [notLeader, tooLarge, rebalancing] = [6, 10, 27];
const { signal } = new AbortController();

describeWithServer("Kafka", kafkaBinary, () => {
  let mock: KafkaMock;
  beforeAll(async () => {
    mock = await startKafka();
  });
  afterAll(() => mock[Symbol.asyncDispose]());

  let topics = 0;

  /** Two new topics, and clients. */
  async function open(partitions = 1, cluster = mock, topic = `orders-${(topics += 1)}`) {
    await cluster.topic(topic, partitions);
    await cluster.topic(`${topic}.dead`, 1);
    const kafka = new Kafka({
      brokers: [cluster.broker],
      logLevel: logLevel.NOTHING,
      requestTimeout: 60_000,
      retry: { retries: 3, initialRetryTime: 20, maxRetryTime: 100 },
    });
    const producer = kafka.producer({ createPartitioner: Partitioners.DefaultPartitioner });
    await producer.connect();
    onTestFinished(() => producer.disconnect());
    const subscribed = async (groupId: string, name = topic) => {
      const consumer = kafka.consumer({
        groupId,
        heartbeatInterval: 200,
        sessionTimeout: 1500,
        rebalanceTimeout: 2000,
        maxWaitTimeInMs: 100,
      });
      await consumer.connect();
      onTestFinished(() => consumer.disconnect());
      await consumer.subscribe({ topics: [name], fromBeginning: true });
      return consumer;
    };
    /** Reads a topic from its beginning. */
    const read = async (name: string, count: number) => {
      const found: { value: string; headers: Record<string, string>; key: string | undefined }[] = [];
      const reader = await subscribed(`reader-${name}`, name);
      await reader.run({
        eachMessage: async ({ message }) => {
          const headers = Object.entries(message.headers ?? {}).map(([header, value]) => [header, String(value)]);
          const value = String(message.value);
          found.push({
            value,
            headers: Object.fromEntries(headers) as Record<string, string>,
            key: message.key?.toString(),
          });
        },
      });
      while (found.length < count) await setTimeout(10);
      await reader.stop();
      return found;
    };
    const send = (...values: string[]) =>
      producer.send({ topic, messages: values.map((value) => ({ value, key: "k" })) });
    return { topic, producer, subscribed, read, send };
  }

  const marked = () => {
    const store = closeLater(sqliteStore({ path: `${temporaryFolder()}/marks.db` }));
    const onError = () => undefined;
    const inbox = closeLater(
      openInbox({ mode: "transactional", store, consumer: "billing", backoff: () => 1, onError }),
    );
    return { store, inbox };
  };
  const textOf = ({ body }: { body: Uint8Array }): string => new TextDecoder().decode(body);

  test("each message has one effect, by its partition's mark, also for a group that begins anew", async () => {
    const { producer, subscribed, send } = await open();
    const { store, inbox } = marked();
    const effects: string[] = [];
    await send("1", "2", "3");
    const work = (message: { body: Uint8Array }): void => void effects.push(textOf(message));
    const first = await consumeKafka(await subscribed("first"), { inbox, producer }, work);
    while (effects.length < 3) await setTimeout(10);
    await first.close();
    // It has no offsets, and gets everything again.
    closeLater(await consumeKafka(await subscribed("second"), { inbox, producer }, work));
    await send("4");
    while (effects.length < 4) await setTimeout(10);
    expect(effects).toEqual(["1", "2", "3", "4"]);
    expect(await store.list({}), "a mark takes the place of records").toEqual([]);
  });

  test("a message that fails holds up its partition, and is a dead letter in the end", async () => {
    const { topic, producer, subscribed, send, read } = await open();
    const { inbox } = marked();
    const effects: string[] = [];
    await send("1", "poison", "2");
    const work: MessageWork<unknown> = (message) => {
      if (textOf(message) === "poison") throw new Error("no such item");
      effects.push(textOf(message));
    };
    closeLater(await consumeKafka(await subscribed("billing"), { inbox, producer }, work));
    while (effects.length < 2) await setTimeout(10);
    expect(effects).toEqual(["1", "2"]);
    expect(await read(`${topic}.dead`, 1)).toMatchObject([
      { value: "poison", headers: { "dead-letter-reason": "failed", "dead-letter-consumer": "billing" } },
    ]);
  });

  test("a dead letter that is too large goes without its bytes, has the message's address, and holds nothing up", async () => {
    const { topic, producer, subscribed, send, read } = await open();
    const { inbox } = marked();
    const effects: string[] = [];
    await send("1");
    await producer.send({ topic, messages: [{ value: "poison", key: "k", headers: { note: "large" } }] });
    await send("2");
    const work: MessageWork<unknown> = async (message) => {
      if (textOf(message) !== "poison") return void effects.push(textOf(message));
      // Of the letter, not of the messages above.
      await mock.fail(produceApi, tooLarge, 1);
      throw rejectedError("no such item");
    };
    closeLater(await consumeKafka(await subscribed("billing"), { inbox, producer }, work));
    while (effects.length < 2) await setTimeout(10);
    expect(effects).toEqual(["1", "2"]);
    const [letter] = await read(`${topic}.dead`, 1);
    expect(letter!.value).toBe("");
    expect(letter!.headers).toMatchObject({
      "dead-letter-reason": "rejected",
      "dead-letter-place": `${topic}/0:1`,
      "dead-letter-cut": "6 bytes",
    });
    expect(letter!.headers).not.toHaveProperty("note");
  });

  test("a leased inbox knows a repeat by its place, or by its producer's id", async () => {
    const { topic, producer, subscribed, send } = await open();
    const inbox = closeLater(openInbox({ store: memoryStore(), consumer: "billing", onError: () => undefined }));
    const effects: string[] = [];
    await send("a");
    for (const value of ["b", "b"]) await producer.send({ topic, messages: [{ value, headers: { id: "order-7" } }] });
    await send("c");
    const work = (message: { body: Uint8Array }): void => void effects.push(textOf(message));
    const first = await consumeKafka(await subscribed("first"), { inbox, producer }, work);
    while (effects.length < 3) await setTimeout(10);
    await first.close();
    closeLater(await consumeKafka(await subscribed("second"), { inbox, producer }, work));
    await send("d");
    while (effects.length < 4) await setTimeout(10);
    expect(effects).toEqual(["a", "b", "c", "d"]);
  });

  test("a commit that the broker refuses is reported, and its message has no second effect", async () => {
    const { producer, subscribed, send } = await open();
    const { inbox } = marked();
    const [effects, errors]: [string[], unknown[]] = [[], []];
    await mock.fail(commitApi, rebalancing, 1);
    await send("1", "2");
    const options = { inbox, producer, onError: (error: unknown) => void errors.push(error) };
    const first = await consumeKafka(
      await subscribed("billing"),
      options,
      (message) => void effects.push(textOf(message)),
    );
    while (effects.length < 2) await setTimeout(10);
    await first.close();
    closeLater(
      await consumeKafka(await subscribed("billing"), options, (message) => void effects.push(textOf(message))),
    );
    await send("3");
    while (effects.length < 3) await setTimeout(10);
    expect(effects).toEqual(["1", "2", "3"]);
    expect(errors.length).toBeGreaterThan(0);
  });

  test("a topic that was deleted and made anew is held up with an error, until it has another name", async () => {
    const { topic, producer, subscribed, send } = await open();
    const { inbox } = marked();
    const effects: string[] = [];
    const work = (message: { body: Uint8Array }): void => void effects.push(textOf(message));
    await send("old 1", "old 2", "old 3");
    const first = await consumeKafka(await subscribed("billing"), { inbox, producer }, work);
    while (effects.length < 3) await setTimeout(10);
    await first.close();
    // The mock can't delete a topic. In another cluster, one of its name is new.
    await using other = await startKafka();
    const anew = await open(1, other, topic);
    await anew.send("new 1", "new 2");
    const ahead = Promise.withResolvers<unknown>();
    const held = await consumeKafka(
      await anew.subscribed("billing"),
      { inbox, producer: anew.producer, onError: ahead.resolve },
      work,
    );
    expect(await ahead.promise).toMatchObject({
      code: "ONCE_MARK_AHEAD",
      details: { partition: `${topic}/0`, position: 2, end: 2 },
    });
    await held.close();
    expect(effects, "no message passed for a repeat, or was handled").toHaveLength(3);
    const topicName = (name: string): string => `${name} of today`;
    closeLater(
      await consumeKafka(await anew.subscribed("billing"), { inbox, producer: anew.producer, topicName }, work),
    );
    while (effects.length < 5) await setTimeout(10);
    expect(effects.slice(3)).toEqual(["new 1", "new 2"]);
  });

  test("closing lets what runs end, commits nothing behind it, and another consumer has the rest", async () => {
    const { producer, subscribed, send } = await open();
    const { store, inbox } = marked();
    const effects: string[] = [];
    await send("1", "2", "3");
    const [begun, ended] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const consumer = await consumeKafka(await subscribed("billing"), { inbox, producer }, async (message) => {
      begun.resolve();
      await ended.promise;
      effects.push(textOf(message));
    });
    await begun.promise;
    const closed = consumer.close();
    ended.resolve();
    await closed;
    expect(effects).toEqual(["1"]);
    const next = closeLater(openInbox({ mode: "transactional", store, consumer: "billing" }));
    const work = (message: { body: Uint8Array }): void => void effects.push(textOf(message));
    closeLater(await consumeKafka(await subscribed("billing"), { inbox: next, producer }, work));
    while (effects.length < 3) await setTimeout(10);
    expect(effects).toEqual(["1", "2", "3"]);
  });

  test("a message is published as it was added, and each key in its order while answers are late", async () => {
    const { topic, producer, read } = await open(3);
    const { outbox, begin, rows } = memoryOutbox();
    const relay = openRelay({ outbox, publish: publishToKafka(producer, { topic: () => topic }), pollMs: 20 });
    onTestFinished(() => relay.close());
    await mock.fail(produceApi, notLeader, 2);
    await mock.delay(20);
    for (let index = 0; index < 30; index += 1) {
      const { transaction, commit } = await begin();
      const orderingKey = `key-${index % 3}`;
      await outbox.add(transaction, { id: String(index), topic: "orders.placed", orderingKey, body: { index } });
      await commit();
    }
    while (rows.length > 0) await setTimeout(20);
    await mock.delay(0);
    const found = await read(topic, 30);
    for (const key of ["key-0", "key-1", "key-2"]) {
      const ids = [
        ...new Set(found.filter((message) => message.key === key).map(({ headers }) => Number(headers["id"]))),
      ];
      expect(ids).toEqual(ids.toSorted((one, other) => one - other));
      expect(ids).toHaveLength(10);
    }
    expect(found[0]).toMatchObject({ headers: { "content-type": "application/json" } });
  });

  test("a message that Kafka won't take is refused, and a cluster that is away is waited out", async () => {
    const { topic, producer } = await open();
    const message = { id: "1", topic, orderingKey: undefined, headers: {}, body: Buffer.from("tea"), addedAt: 0 };
    const publish = publishToKafka(producer);
    await mock.fail(produceApi, tooLarge, 1);
    await expect(publish(message, { signal })).rejects.toMatchObject({ code: "ONCE_MESSAGE_REFUSED" });
    await mock.down();
    await expect(publish(message, { signal })).rejects.toMatchObject({ code: "ONCE_BROKER_UNAVAILABLE" });
    await mock.up();
    await expect.poll(() => publish(message, { signal })).toBe(undefined);
  });

  test("letters go back with their key, and the group of the command begins behind them", async () => {
    const { topic, producer, subscribed } = await open();
    const inbox = closeLater(openInbox({ store: memoryStore(), consumer: "billing", onError: () => undefined }));
    const effects: string[] = [];
    let isRepaired = false;
    const work: MessageWork<undefined> = ({ id, headers, body }) => {
      if (!isRepaired) throw rejectedError("We sell no tea.");
      effects.push(`${id} ${headers["x-tenant"]} ${new TextDecoder().decode(body)}`);
    };
    closeLater(await consumeKafka(await subscribed("billing-letters"), { inbox, producer }, work));
    const publish = publishToKafka(producer);
    for (const id of ["order-1", "order-2", "order-3"]) {
      const [body, headers] = [new TextEncoder().encode("tea"), { "x-tenant": "acme" }];
      await publish({ id, topic, orderingKey: "cart-7", headers, body, addedAt: 7 }, { signal });
    }
    const place = ["--broker", `kafka://${mock.broker}`, "--from", `${topic}.dead`];
    const letters = async () => {
      const { code, stdout } = await runCli(["letters", "list", ...place, "--json"]);
      expect(code).toBe(0);
      return (JSON.parse(stdout) as { letters: { id: string }[] }).letters;
    };
    const ids = async () => (await letters()).map(({ id }) => id);
    await expect.poll(ids).toEqual(["order-1", "order-2", "order-3"]);
    expect(await letters()).toMatchObject([{ source: topic, reason: "rejected", orderingKey: "cart-7" }, {}, {}]);
    isRepaired = true;
    const note = ["--by", "ann", "--reason", "INC-12"];
    const second = await runCli(["letters", "send", ...place, "order-2", ...note]);
    expect(second).toMatchObject({ code: 0, stdout: expect.stringContaining(`sent order-2 to ${topic}`) });
    expect(second.stderr).toContain("Kafka removes no single letter");
    await expect.poll(() => effects).toEqual(["order-2 acme tea"]);
    expect(await ids()).toEqual(["order-1", "order-2", "order-3"]);
    // The second one goes once more, and the inbox drops it.
    expect(await runCli(["letters", "send", ...place, "--all", ...note])).toMatchObject({ code: 0 });
    await expect.poll(() => effects.toSorted()).toEqual(["order-1 acme tea", "order-2 acme tea", "order-3 acme tea"]);
    expect(await ids()).toEqual([]);
    const absent = await runCli(["letters", "list", ...place.slice(0, 3), "no topic"]);
    expect(absent).toMatchObject({ code: 2, stdout: "", stderr: expect.stringMatching(/^error: .+$/m) });
  });
});

test("what is no client of Kafka, and options that make no sense, are refused", async () => {
  const inbox = openInbox({ store: memoryStore(), consumer: "billing" });
  const refused = { code: "ONCE_OPTION_INVALID" };
  const source = { commitOffsets: () => undefined } as never;
  await expect(consumeKafka({} as never, { inbox, producer: {} as never }, () => undefined)).rejects.toMatchObject(
    refused,
  );
  const producer = { send: async () => undefined };
  for (const options of [{ concurrency: 0 }, { topicName: "orders" }, { producer: {} }, { group: "a" }]) {
    const consumed = consumeKafka(source, { inbox, producer, ...options } as never, () => undefined);
    await expect(consumed).rejects.toMatchObject(refused);
  }
  expect(() => publishToKafka({} as never)).toThrow(expect.objectContaining(refused));
});

/** A consumer of kafkajs that hands over what the test says. */
async function handedOver(options: { readonly topicName?: (topic: string) => string }) {
  const store = closeLater(sqliteStore({ path: `${temporaryFolder()}/marks.db` }));
  const inbox = closeLater(openInbox({ mode: "transactional", store, consumer: "billing" }));
  const [commits, effects, errors, letters]: [string[], string[], string[], unknown[]] = [[], [], [], []];
  const [seeks, listeners]: [string[], ((event: { payload: never }) => void)[]] = [[], []];
  const running = Promise.withResolvers<Parameters<KafkaConsumerClient["run"]>[0]["eachMessage"]>();
  const source: KafkaConsumerClient = {
    run: async ({ eachMessage }) => running.resolve(eachMessage),
    commitOffsets: async (offsets) => void commits.push(...offsets.map(({ offset }) => offset)),
    seek: ({ offset }) => void seeks.push(offset),
    on(event: string, listener: (event: { payload: never }) => void) {
      if (event === "consumer.start_batch_process") listeners.push(listener);
    },
    stop: async () => undefined,
  };
  const producer = {
    async send({ messages }: { messages: { headers: Record<string, string> }[] }) {
      letters.push(...messages.map(({ headers }) => headers["dead-letter-reason"]));
    },
  };
  const onError = (error: unknown): void => void errors.push(String(error));
  const consumer = closeLater(
    await consumeKafka(source, { inbox, producer, onError, ...options }, ({ body }) => {
      effects.push(new TextDecoder().decode(body));
    }),
  );
  const eachMessage = await running.promise;
  const hand = (offset: number, value: string, message: object = {}): Promise<void> =>
    eachMessage({
      topic: "orders",
      partition: 0,
      message: { offset: String(offset), value: Buffer.from(value), ...message },
      heartbeat: async () => undefined,
    });
  const fetched = (highWatermark: number): void => {
    const payload = { topic: "orders", partition: 0, highWatermark: String(highWatermark) };
    for (const listener of listeners) listener({ payload: payload as never });
  };
  return { consumer, commits, effects, errors, letters, seeks, hand, fetched };
}

test("a message that can't be handed over, since its topic has no name, is neither lost nor passed", async () => {
  const names: unknown[] = [undefined, "", "x".repeat(300), "orders"];
  const topicName = (): string => names.shift() as string;
  const { commits, effects, errors, hand } = await handedOver({ topicName });
  await hand(0, "tea");
  expect([effects, commits]).toEqual([["tea"], ["1"]]);
  expect(errors).toEqual([1, 2, 3].map(() => expect.stringContaining("topicName must be") as string));
});

test("a consumer that closes meanwhile commits nothing of it", async () => {
  const topicName = (): string => {
    throw new Error("no name");
  };
  const { consumer, commits, effects, errors, hand } = await handedOver({ topicName });
  const handed = hand(0, "tea");
  while (errors.length === 0) await setTimeout(5);
  await consumer.close();
  await handed;
  expect([effects, commits]).toEqual([[], []]);
});

test("a topic that was made anew is found out by the broker's own times, and no message is dropped as a repeat", async () => {
  const { effects, letters, hand } = await handedOver({});
  const at = (timestamp: number, timestampType: number) => ({
    timestamp: String(timestamp),
    batchContext: { timestampType },
  });
  for (const offset of [0, 1, 2]) await hand(offset, `old ${offset}`, at(1000 + offset, 1));
  // A repeat was stored before the mark.
  await hand(1, "old 1", at(1001, 1));
  expect(letters).toEqual([]);
  await hand(0, "new 0", at(5000, 1));
  expect(effects).toEqual(["old 0", "old 1", "old 2"]);
  expect(letters).toHaveLength(1);
  // Times of producers say nothing about the order of a partition.
  await hand(0, "old 0", at(9000, 0));
  expect(letters).toHaveLength(1);
});

test("a mark that another member moved beyond an old fetch holds nothing up: the next fetch shows the partition's end", async () => {
  const { commits, effects, errors, seeks, hand, fetched } = await handedOver({});
  fetched(2);
  for (const offset of [0, 1]) await hand(offset, String(offset));
  // Fetched when the partition had one message.
  fetched(1);
  await hand(0, "0");
  expect([commits, seeks, errors]).toEqual([["1", "2"], ["0"], []]);
  fetched(2);
  await hand(0, "0");
  expect([commits, effects, errors]).toEqual([["1", "2", "1"], ["0", "1"], []]);
});

test("a publish that was given up while it waited for its turn is not sent beside its next attempt", async () => {
  const sent: string[] = [];
  const { promise: first, resolve } = Promise.withResolvers<void>();
  const producer = {
    async send({ messages }: { messages: { headers: Record<string, string> }[] }) {
      sent.push(messages[0]!.headers["id"]!);
      await first;
    },
  };
  const publish = publishToKafka(producer);
  const message = { topic: "orders", orderingKey: "k", headers: {}, body: Buffer.from("tea"), addedAt: 0 };
  const silent = publish({ ...message, id: "1" }, { signal });
  const givenUp = [1, 2, 3].map(() => {
    const controller = new AbortController();
    const attempt = publish({ ...message, id: "1" }, { signal: controller.signal });
    controller.abort();
    return attempt;
  });
  const last = publish({ ...message, id: "1" }, { signal });
  resolve();
  const away = { status: "rejected", reason: { code: "ONCE_BROKER_UNAVAILABLE" } };
  expect(await Promise.allSettled(givenUp)).toMatchObject([away, away, away]);
  await Promise.all([silent, last]);
  expect(sent).toEqual(["1", "1"]);
});
