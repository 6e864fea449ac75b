import { setTimeout } from "node:timers/promises";
import { Queue, Worker } from "bullmq";
import { Redis } from "ioredis";
import { describe, expect, onTestFinished, test } from "vitest";
import {
  bullmqProcessor,
  bullmqStalledCount,
  type Inbox,
  type MessageWork,
  openInbox,
} from "../../packages/once-again/src/messaging/inbox/index.ts";
import { memoryStore } from "../../packages/once-again/src/stores/memory/index.ts";
import type { Store } from "../../packages/once-again/src/stores/store.ts";
import { describeWithServer } from "../support/servers/describe-with-server.ts";
import { startFauxqs } from "../support/servers/fauxqs.ts";
import { natsBinary, startNats } from "../support/servers/nats.ts";
import type { PrivateServer } from "../support/servers/private-server.ts";
import { rabbitmqBinary, startRabbitmq } from "../support/servers/rabbitmq.ts";
import { redisBinary, startRedis } from "../support/servers/redis.ts";
import {
  closeLater,
  emptied,
  type Open,
  openJetstream,
  openRabbitmq,
  openRedis,
  openSqs,
  serverOf,
} from "./brokers.ts";

// As in a deployment: SIGTERM closes inbox and consumer, in any order, while a message is being handled and more wait.

interface Closable {
  close(): Promise<unknown>;
}

const orders = {
  "the inbox first": async (inbox: Closable, consumer: Closable) => {
    await inbox.close();
    await consumer.close();
  },
  "the consumer first": async (inbox: Closable, consumer: Closable) => {
    await consumer.close();
    await inbox.close();
  },
  "both at once": async (inbox: Closable, consumer: Closable) =>
    void (await Promise.all([inbox.close(), consumer.close()])),
  "the inbox alone": (inbox: Closable) => inbox.close(),
};
const orderNames = Object.keys(orders) as (keyof typeof orders)[];

let batches = 0;

/** The ids of 50 messages, in their order. JetStream remembers those of a stream that was emptied. */
function newIds(): string[] {
  batches += 1;
  return Array.from({ length: 50 }, (_, index) => `${batches}-${100 + index}`);
}

/** As many as are handled at a time by default. */
const busyCount = 16;

function openBilling(store: Store) {
  return openInbox({ store, consumer: "billing", backoff: () => 20, onError: () => undefined });
}

/** Closes a consumer while all its handlers are busy and more messages wait, and hands over to another one. */
async function closeBusy(
  order: keyof typeof orders,
  ids: readonly string[],
  consume: (inbox: Inbox, work: MessageWork<undefined>) => Promise<Closable>,
) {
  const store = memoryStore();
  const effects: string[] = [];
  const [begun, busy] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  let runs = 0;
  const inbox = openBilling(store);
  const consumer = await consume(inbox, async ({ id }) => {
    if ((runs += 1) === busyCount) begun.resolve();
    await busy.promise;
    effects.push(id);
  });
  await begun.promise;
  const closed = orders[order](inbox, consumer);
  busy.resolve();
  await closed;
  const first = effects.length;
  const deliveries: number[] = [];
  const next = closeLater(openBilling(store));
  const counting: Inbox = {
    ...next,
    handle(message, work, options) {
      deliveries.push(message.deliveries ?? 1);
      return next.handle(message, work, options);
    },
  };
  await consume(counting, ({ id }) => void effects.push(id));
  while (effects.length < ids.length) await setTimeout(10);
  const left = (await store.list({ limit: 1000 })).filter(({ state }) => state !== "done");
  return { first, effects: effects.toSorted(), deliveriesMax: Math.max(...deliveries), left };
}

const everyEffect = (effects: readonly string[]) => ({ first: busyCount, effects, left: [] });

function shutdownCases(open: Open, server: () => PrivateServer, deliveriesMax: number): void {
  test.for(orderNames)("closing %s loses nothing and makes no dead letter", async (order) => {
    const broker = await open(server());
    const ids = newIds();
    for (const id of ids) await broker.send(id, "tea");
    const found = await closeBusy(order, ids, (inbox, work) => broker.consume(inbox, work));
    await emptied(broker);
    expect(found).toMatchObject(everyEffect(ids));
    expect(found.deliveriesMax, "none goes round in circles").toBeLessThanOrEqual(deliveriesMax);
    expect(await broker.letters()).toEqual([]);
  });

  test("closing ends also while a message is tried again and the store is away", async () => {
    const broker = await open(server());
    const ids = newIds();
    for (const id of ids) await broker.send(id, "tea");
    const store = memoryStore();
    const errors: unknown[] = [];
    const claim = (): never => {
      errors.push("away");
      throw new Error("away");
    };
    const inbox = openBilling({ ...store, claim });
    const consumer = await broker.consume(inbox, () => expect.unreachable());
    while (errors.length < 2 * busyCount) await setTimeout(5);
    await consumer.close();
    const effects: string[] = [];
    await broker.consume(closeLater(openBilling(store)), ({ id }) => void effects.push(id));
    while (effects.length < ids.length) await setTimeout(10);
    await emptied(broker);
    expect(effects.toSorted()).toEqual(ids);
    expect(await broker.letters()).toEqual([]);
    await inbox.close();
  });

  test("while the store is away, a consumer that begins takes nothing, and begins when it is back", async () => {
    const broker = await open(server());
    await broker.send(newIds()[0], "tea");
    const store = memoryStore();
    let isUp = false;
    const errors: unknown[] = [];
    const inspect: Store["inspect"] = (name) => {
      if (isUp) return store.inspect(name);
      errors.push(name);
      throw new Error("away");
    };
    const inbox = closeLater(openBilling({ ...store, inspect }));
    const deliveries: unknown[] = [];
    const begun = Promise.withResolvers<void>();
    const counting: Inbox = {
      ...inbox,
      handle(message, ...given) {
        deliveries.push(message.deliveries);
        begun.resolve();
        return inbox.handle(message, ...given);
      },
    };
    await broker.consume(counting, () => undefined);
    while (errors.length < 5) await setTimeout(5);
    expect(deliveries).toEqual([]);
    isUp = true;
    await begun.promise;
    await emptied(broker);
    expect(deliveries).toEqual([1]);
  });
}

describeWithServer("closing a consumer of RabbitMQ", rabbitmqBinary, () => {
  // RabbitMQ counts what is given back.
  shutdownCases(openRabbitmq, serverOf(startRabbitmq), 2);
});

describeWithServer("closing a consumer of JetStream", natsBinary, () => {
  // JetStream, too; and what it sent to a consumer that was just leaving it sends once more.
  shutdownCases(
    openJetstream,
    serverOf(() => startNats()),
    3,
  );
});

describeWithServer("closing a consumer of Redis Streams", redisBinary, () => {
  const server = serverOf(() => startRedis());
  describe.for(["ioredis", "redis"] as const)("through %s", (client) => {
    shutdownCases(openRedis(client), server, 1);
  });
});

describe("closing a consumer of SQS", () => {
  // SQS counts what is given back.
  shutdownCases(openSqs(), serverOf(startFauxqs), 2);
});

describeWithServer("closing a worker of BullMQ", redisBinary, () => {
  const server = serverOf(() => startRedis());

  test.for(orderNames.filter((name) => name !== "the inbox alone"))("closing %s fails no job", async (order) => {
    const connection = () => {
      const client = new Redis(server().url, { maxRetriesPerRequest: null });
      onTestFinished(() => client.disconnect());
      return client;
    };
    await connection().flushall();
    const queue = closeLater(new Queue("billing", { connection: connection() }));
    const ids = newIds();
    for (const jobId of ids) await queue.add("charge", {}, { jobId });
    const consume = async (inbox: Inbox, work: MessageWork<undefined>): Promise<Closable> => {
      const options = { connection: connection(), concurrency: busyCount, maxStalledCount: bullmqStalledCount };
      return closeLater(new Worker("billing", bullmqProcessor({ inbox }, work), options));
    };
    expect(await closeBusy(order, ids, consume)).toMatchObject(everyEffect(ids));
    while ((await queue.getCompletedCount()) < ids.length) await setTimeout(10);
    expect(await queue.getFailedCount()).toBe(0);
    const attempts = (await queue.getCompleted(0, ids.length)).map(({ attemptsMade }) => attemptsMade);
    expect(new Set(attempts), "no attempt is counted for a job that was given back").toEqual(new Set([1]));
  });
});
