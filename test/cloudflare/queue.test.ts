import { join } from "node:path";
import { expect, test, vi } from "vitest";
import { d1Store, handleQueueBatch } from "../../packages/once-again/src/cloudflare/index.ts";
import { openInbox } from "../../packages/once-again/src/messaging/inbox/index.ts";
import { memoryStore } from "../../packages/once-again/src/stores/memory/index.ts";
import { startWorker } from "../support/servers/workerd.ts";

interface Tables {
  readonly invoices: readonly string[];
  readonly letters: readonly string[];
  readonly runs: readonly string[];
}

test("each message has its effect once: sent twice, delivered again, tried again, or a dead letter", async () => {
  await using worker = await startWorker(join(import.meta.dirname, "queue-worker.ts"), {
    d1Databases: { DB: "invoices" },
    queueProducers: { ORDERS: "orders", DEAD_LETTERS: "dead-letters" },
    queueConsumers: {
      orders: { maxBatchSize: 3, maxBatchTimeout: 0, maxRetries: 5, retryDelay: 0 },
      "dead-letters": { maxBatchSize: 1, maxBatchTimeout: 0 },
    },
  });
  const orders = [
    { id: "plain" },
    { id: "sent twice" },
    { id: "sent twice" },
    { id: "tried again", fault: "throw before the commit" },
    { id: "delivered again", fault: "the batch is retried" },
    { id: "wrong", fault: "rejected" },
    {},
  ];
  await worker.miniflare.dispatchFetch("http://worker", { method: "POST", body: JSON.stringify(orders) });
  const tables = async () => (await (await worker.miniflare.dispatchFetch("http://worker")).json()) as Tables;
  await expect.poll(tables).toMatchObject({
    invoices: ["delivered again", "plain", "sent twice", "tried again"],
    letters: ["rejected wrong", "unreadable undefined"],
  });
});

test("the consumer of the guide makes one invoice for an order that is sent twice", async () => {
  await using worker = await startWorker(join(import.meta.dirname, "../../examples/cloudflare/queue.ts"), {
    d1Databases: { DB: "invoices" },
    queueProducers: { ORDERS: "orders", DEAD_LETTERS: "dead-letters" },
    queueConsumers: { orders: { maxBatchSize: 2, maxBatchTimeout: 0 } },
  });
  const database: D1Database = await worker.miniflare.getD1Database("DB");
  await d1Store(database).migrate();
  await database.prepare("CREATE TABLE invoices (order_id TEXT)").run();
  const orders = await worker.miniflare.getQueueProducer("ORDERS");
  for (const order of ["order-7", "order-7", "order-8"]) await orders.send({ order });
  const invoices = async () => {
    const { results } = await database.prepare("SELECT order_id FROM invoices ORDER BY order_id").run();
    return results.map((row) => (row as { order_id: string }).order_id);
  };
  await expect.poll(invoices).toEqual(["order-7", "order-8"]);
});

/** A message, and what became of it. */
function messageOf(body: unknown) {
  const fate: string[] = [];
  const message = {
    id: "m1",
    timestamp: new Date(0),
    body,
    attempts: 1,
    ack: () => void fate.push("ack"),
    retry: () => void fate.push("retry"),
  };
  return { message, fate };
}

test.each<[string, unknown, string]>([
  ["a text", "order 7", "order 7"],
  ["bytes", new TextEncoder().encode("order 7"), "order 7"],
  ["a buffer", new TextEncoder().encode("order 7").buffer, "order 7"],
  ["an object", { order: 7 }, '{"order":7}'],
  ["nothing", undefined, ""],
])("%s reaches the work as bytes", async (_, body, expected) => {
  const inbox = openInbox({ store: memoryStore(), consumer: "billing" });
  const { message, fate } = messageOf(body);
  const bodies: string[] = [];
  await handleQueueBatch({ queue: "orders", messages: [message] }, { inbox }, (given) => {
    bodies.push(new TextDecoder().decode(given.body));
  });
  expect([bodies, fate]).toEqual([[expected], ["ack"]]);
  await inbox.close();
});

test("a dead letter without a queue for it, and one that can't be sent, are retried", async () => {
  vi.spyOn(console, "error").mockImplementation(() => undefined);
  const inbox = openInbox({ store: memoryStore(), consumer: "billing" });
  const id = () => "";
  const away = { send: () => Promise.reject(new Error("away")) };
  for (const deadLetters of [undefined, away]) {
    const { message, fate } = messageOf("order 7");
    await handleQueueBatch({ queue: "orders", messages: [message] }, { inbox, id, deadLetters }, () =>
      expect.fail("ran"),
    );
    expect(fate).toEqual(["retry"]);
  }
  await inbox.close();
});

test("a message that waits longer than it may is retried by the queue", async () => {
  const store = memoryStore();
  const inbox = openInbox({ store, consumer: "billing" });
  const { message, fate } = messageOf("order 7");
  const batch = { queue: "orders", messages: [message] };
  const claimed = Promise.withResolvers<void>();
  const go = Promise.withResolvers<void>();
  const running = handleQueueBatch(batch, { inbox }, async () => {
    claimed.resolve();
    await go.promise;
  });
  await claimed.promise;
  const other = messageOf("order 7");
  const second = openInbox({ store, consumer: "billing" });
  await handleQueueBatch({ queue: "orders", messages: [other.message] }, { inbox: second, waitMsMax: 50 }, () =>
    expect.fail("ran"),
  );
  expect(other.fate).toEqual(["retry"]);
  go.resolve();
  await running;
  expect(fate).toEqual(["ack"]);
  await Promise.all([inbox.close(), second.close()]);
});

test.each<[string, readonly unknown[], string]>([
  ["no batch", [undefined, {}, () => undefined], "batch must be"],
  ["no inbox", [{ queue: "orders", messages: [] }, {}, () => undefined], "inbox must be"],
  ["no work", [{ queue: "orders", messages: [] }, { inbox: { handle() {} } }], "work must be"],
  [
    "a queue's name for its binding",
    [{ queue: "q", messages: [] }, { inbox: { handle() {} }, deadLetters: "q" }, () => 0],
    "deadLetters must be",
  ],
  [
    "a misspelt option",
    [{ queue: "q", messages: [] }, { inbox: { handle() {} }, deadLetter: {} }, () => 0],
    "deadLetters",
  ],
])("%s is refused", async (_, given, message) => {
  await expect(handleQueueBatch(...(given as Parameters<typeof handleQueueBatch>))).rejects.toThrow(message);
});
