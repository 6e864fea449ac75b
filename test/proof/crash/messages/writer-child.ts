/**
 * A part of the shop, in a separate process: it writes orders, and adds a message of each within the same transaction.
 * Its argument is JSON: see `ChildTask`.
 */
import { existsSync } from "node:fs";
import process from "node:process";
import { setTimeout } from "node:timers/promises";
import { type Random, seededRandom, uniform } from "../../../../packages/once-again/src/core/random.ts";
import { insist, startedChild } from "./child.ts";
import { engineOf } from "./engines/index.ts";
import type { TransactionEnd } from "./engine.ts";
import type { WriterEntry } from "./evidence.ts";
import { consumers } from "./shop.ts";
import { writeOrder } from "./tables.ts";

const { task, note, trace } = startedChild<WriterEntry>();
const { engine: engineName, database, hold, life, places, without } = task;
const engine = await engineOf(engineName);
const shop = await insist(() => engine.open(database));
const random = seededRandom(life);

/** How long a transaction is left open before its end, milliseconds at most. */
const thinkMsMax = 5;
/** How many messages a transaction adds at most. */
const messagesMax = 3;
const pauseMs = 25;

let written = 0;
const ending = new AbortController();
process.once("SIGTERM", () => ending.abort());

const oneOf = <Item>(random: Random, items: readonly Item[]): Item =>
  items[Math.floor(uniform(random, 0, items.length))]!;

/** A transaction of the business, which adds messages. */
async function transact(
  orderingKey: string | undefined,
  ids: readonly string[],
  work: Parameters<typeof shop.transact>[0],
): Promise<void> {
  const ended = trace?.begin({ call: "add", orderingKey, ids });
  let end = "rollback" as TransactionEnd;
  await shop.transact(async (transaction) => (end = await work(transaction)));
  ended?.({ said: end === "commit" ? "committed" : "rolled back" });
}

/** How many of the transactions add a message for a place. */
const placeShare = 0.1;

/** Commits a message for a place. */
async function writeForPlace(): Promise<void> {
  const topic = oneOf(random, places);
  const ids = [`${life}-${(written += 1)}-${topic}`];
  try {
    await transact(undefined, ids, async (transaction) => {
      await shop.outbox.add(transaction, { topic, id: ids[0]!, body: {} });
      await writeOrder(shop, transaction, { id: ids[0]!, topic, orderingKey: null });
      note({ event: "added", ids });
      note({ event: "committing", ids });
      return "commit";
    });
    note({ event: "committed", ids });
  } catch {
    note({ event: "failed", ids });
    await setTimeout(pauseMs);
  }
}

/** Adds the messages of one order, or of some, and commits; or rolls back. */
async function write(): Promise<void> {
  const consumer = random() < 0.1 ? consumers.shipping : consumers.billing;
  const isKeyed = consumer.isOrdered || random() < 0.3;
  const orderingKey = isKeyed ? oneOf(random, consumer.keys) : undefined;
  const count = Math.floor(uniform(random, 1, messagesMax + 1));
  const end: TransactionEnd = random() < 0.15 ? "rollback" : "commit";
  const ids = Array.from({ length: count }, () => `${life}-${(written += 1)}`);
  const add: typeof shop.outbox.add = (transaction, message) =>
    shop.outbox.add(transaction, without === "ordering-key" ? { ...message, orderingKey: undefined } : message);
  const message = { topic: consumer.topic, orderingKey };
  try {
    if (without === "same-transaction") {
      await shop.transact(async (other) => {
        for (const id of ids) await add(other, { ...message, id, body: { id } });
        return "commit";
      });
    }
    await transact(orderingKey, ids, async (transaction) => {
      for (const id of ids) {
        if (without !== "same-transaction") await add(transaction, { ...message, id, body: { id } });
        if (without === "ordering-key") await setTimeout(uniform(random, 0, thinkMsMax));
        await writeOrder(shop, transaction, { id, topic: consumer.topic, orderingKey: orderingKey ?? null });
      }
      note({ event: "added", ids });
      await setTimeout(uniform(random, 0, thinkMsMax));
      if (end === "commit") note({ event: "committing", ids });
      return end;
    });
    note({ event: end === "commit" ? "committed" : "rolled back", ids });
  } catch {
    note({ event: "failed", ids });
    await setTimeout(pauseMs);
  }
}

const worker = async (): Promise<void> => {
  while (!ending.signal.aborted) {
    if (existsSync(hold)) await setTimeout(pauseMs);
    else if (random() < placeShare) await writeForPlace();
    else await write();
  }
};
await Promise.all(Array.from({ length: engine.transactionsMax }, worker));
process.exit();
