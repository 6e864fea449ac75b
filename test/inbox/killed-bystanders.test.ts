import { setTimeout } from "node:timers/promises";
import { Queue, Worker } from "bullmq";
import { Redis } from "ioredis";
import { expect, onTestFinished, test } from "vitest";
import {
  bullmqProcessor,
  bullmqStalledCount,
  type InboxMessage,
  openInbox,
} from "../../packages/once-again/src/messaging/inbox/index.ts";
import { memoryStore } from "../../packages/once-again/src/stores/memory/index.ts";
import type { Store } from "../../packages/once-again/src/stores/store.ts";
import { describeWithServer } from "../support/servers/describe-with-server.ts";
import { redisBinary, startRedis } from "../support/servers/redis.ts";
import { closeLater, serverOf } from "./brokers.ts";

const messageOf = (id: string, deliveries: number): InboxMessage => ({
  id,
  topic: "orders",
  headers: {},
  body: new Uint8Array(),
  deliveries,
});

/** A store on which a process dies: from then on nothing that it asks for arrives, and nothing is answered. */
function mortal(store: Store): { store: Store; die(): void } {
  let isDead = false;
  const never = new Promise<never>(() => undefined);
  const alive = new Proxy(store, {
    get(target, name) {
      const method: unknown = Reflect.get(target, name);
      if (typeof method !== "function") return method;
      return (...given: unknown[]): unknown => (isDead ? never : Reflect.apply(method, target, given));
    },
  });
  return { store: alive, die: () => void (isDead = true) };
}

test("fifteen messages beside one that kills its process have their effects, and that one alone is a dead letter", async () => {
  const records = memoryStore();
  const ids = ["poison", ...Array.from({ length: 15 }, (_, index) => `order-${index + 1}`)];
  const effects: string[] = [];
  const letters: string[] = [];
  const rules = { consumer: "billing", leaseMs: 200, storeMsMax: 100, backoff: () => 5, onError: () => undefined };
  const left = new Set(ids);
  for (let deliveries = 1; left.size > 0; deliveries += 1) {
    const { store, die } = mortal(records);
    const inbox = openInbox({ store, onUnknown: "rerun", acknowledgeDuplicates: true, ...rules });
    const died = Promise.withResolvers<"died">();
    const handled = Array.from(left, async (id) => {
      const verdict = await inbox.handle(messageOf(id, deliveries), async () => {
        // The others take longer than it takes to die.
        if (id !== "poison") await setTimeout(20);
        else {
          die();
          died.resolve("died");
          await new Promise(() => undefined);
        }
      });
      left.delete(id);
      if (verdict.action === "dead-letter") letters.push(`${id} ${verdict.reason}`);
      else effects.push(id);
    });
    const end = await Promise.race([Promise.all(handled), died.promise]);
    if (end !== "died") await inbox.close();
    expect(deliveries).toBeLessThan(14);
  }
  expect(letters).toEqual(["poison failed"]);
  expect(effects.toSorted()).toEqual(ids.slice(1).toSorted());
});

describeWithServer("a job of BullMQ, while its workers die", redisBinary, () => {
  const server = serverOf(() => startRedis());

  test.for([
    [1, 1],
    [bullmqStalledCount, 0],
  ] as const)("with a maxStalledCount of %s is reported %s times", async ([maxStalledCount, count]) => {
    const connect = () => {
      const client = new Redis(server().url, { maxRetriesPerRequest: null });
      onTestFinished(() => client.disconnect());
      return client;
    };
    await connect().flushall();
    const errors: string[] = [];
    const inbox = closeLater(openInbox({ store: memoryStore(), consumer: "billing", onError: () => undefined }));
    const options = { inbox, onError: (error: unknown) => void errors.push(String(error)) };
    let runs = 0;
    const processor = bullmqProcessor(options, () => void (runs += 1));
    closeLater(new Worker("billing", processor, { connection: connect(), maxStalledCount }));
    const queue = closeLater(new Queue("billing", { connection: connect() }));
    for (const jobId of ["a", "b"]) await queue.add("charge", {}, { jobId });
    await expect.poll(() => runs).toBeGreaterThanOrEqual(2);
    expect(errors).toHaveLength(count);
    if (count > 0) expect(errors[0]).toMatch(/maxStalledCount is 1: .* Make the Worker with maxStalledCount: 20\./);
  });
});
