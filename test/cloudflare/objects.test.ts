import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { durableObjectStore, onceObject } from "../../packages/once-again/src/cloudflare/index.ts";
import type { ObjectCall } from "./objects.ts";
import { startWorker, type Worker } from "../support/servers/workerd.ts";

let worker: Worker;

beforeAll(async () => {
  // Without Node's modules: a Worker needs none of them for this.
  worker = await startWorker(join(import.meta.dirname, "objects.ts"), {
    durableObjects: {
      ONCE: { className: "OnceKeys", useSQLite: true },
      ACCOUNT: { className: "Account", useSQLite: true },
      OLD: { className: "Old", useSQLite: false },
    },
  });
});
afterAll(() => worker?.[Symbol.asyncDispose]());

interface AccountStub {
  charge(key: string, charge: object, retentionMs?: number): Promise<unknown>;
  refund(key: string, request: unknown): Promise<string>;
  state(): Promise<{ charges: number; keys: number; lateErrors: string[]; alarms: number }>;
  alarmSoon(): Promise<void>;
  clear(): Promise<void>;
}

/** One account, by calls from a Worker. */
function account(name: string, binding: ObjectCall["binding"] = "ACCOUNT"): AccountStub {
  const call =
    (method: string) =>
    async (...given: unknown[]): Promise<unknown> => {
      const body = JSON.stringify({ binding, name, method, given } satisfies ObjectCall);
      const response = await worker.miniflare.dispatchFetch("http://worker", { method: "POST", body });
      const answer = (await response.json()) as { value: unknown } | { error: string };
      if ("error" in answer) throw new Error(answer.error);
      return answer.value;
    };
  const methods = ["charge", "refund", "state", "alarmSoon", "clear"] as const;
  return Object.fromEntries(methods.map((method) => [method, call(method)])) as unknown as AccountStub;
}

const charged = { charged: 5, balance: 5 };
const once = { charges: 1, keys: 1, lateErrors: [], alarms: 0 };

describe("an effect in a Durable Object", () => {
  test("of 30 calls at once one has its effect, and all get its result", async () => {
    const stub = account("races");
    const calls = Array.from({ length: 30 }, () => stub.charge("order-7", { amount: 5 }));
    expect(await Promise.all(calls)).toEqual(calls.map(() => charged));
    expect(await stub.state()).toEqual(once);
  });

  test("another request with the key is refused, and another kind of operation may have the same key", async () => {
    const stub = account("reused");
    await stub.charge("order-7", { amount: 5 });
    await expect(stub.charge("order-7", { amount: 6 })).rejects.toThrow("was made before with other arguments");
    expect(await stub.refund("order-7", { amount: 5 })).toBe("refunded");
    expect(await stub.state()).toEqual({ ...once, keys: 2 });
  });

  test("an effect that throws is undone with its key, and the next call has it", async () => {
    const stub = account("throws");
    await expect(stub.charge("order-7", { amount: 5, fault: "throw" })).rejects.toThrow("declined");
    expect(await stub.state()).toEqual({ ...once, charges: 0, keys: 0 });
    expect(await stub.charge("order-7", { amount: 5 })).toEqual(charged);
  });

  test("an async effect is refused and undone, and what it writes later is refused, too", async () => {
    const stub = account("async");
    await expect(stub.charge("order-7", { amount: 5, fault: "async" })).rejects.toThrow("returned a promise");
    expect(await stub.state()).toEqual({ charges: 0, keys: 0, lateErrors: ["ONCE_OPERATION_ENDED"], alarms: 0 });
    expect(await stub.charge("order-7", { amount: 5 })).toEqual(charged);
  });

  test("an effect with a result that JSON can't hold is undone", async () => {
    const stub = account("unfit");
    await expect(stub.charge("order-7", { amount: 5, fault: "unfit" })).rejects.toThrow("can't be stored");
    expect(await stub.state()).toEqual({ ...once, charges: 0, keys: 0 });
  });

  test.each([
    ["before its writes are stored: a repeat has the effect", "abort"],
    ["after its writes are stored: a repeat gets the first result", "abort after sync"],
  ])("an object ends %s", async (_, fault) => {
    await expect(account(fault).charge("order-7", { amount: 5, fault })).rejects.toThrow("the output gate");
    const next = account(fault);
    const left = fault === "abort" ? { ...once, charges: 0, keys: 0 } : once;
    expect(await next.state()).toEqual(left);
    expect(await next.charge("order-7", { amount: 5 })).toEqual(charged);
    expect(await next.state()).toEqual(once);
  });

  test("an alarm that throws is run again, and its effect happens once; expired results are gone", async () => {
    const stub = account("alarm");
    await stub.charge("brief", { amount: 1 }, 1);
    await stub.alarmSoon();
    await expect.poll(() => stub.state()).toMatchObject({ charges: 2, keys: 1, alarms: 2 });
    expect(await stub.charge("by alarm", { amount: 5 })).toEqual({ charged: 5, balance: 6 });
  });

  test("an object that deletes all that it has is as good as new", async () => {
    const stub = account("cleared");
    await stub.charge("order-7", { amount: 5 });
    await stub.clear();
    expect(await stub.charge("order-7", { amount: 5 })).toEqual(charged);
    expect(await stub.state()).toEqual(once);
  });

  test.each<[string, [string, object, number?], string]>([
    ["an empty key", ["", { amount: 5 }], "The key of this call"],
    ["a key that is no text", [7 as never, { amount: 5 }], "The key of this call"],
    ["a request that JSON can't hold", ["order-7", { amount: 5, fault: "bigint" }], "which JSON can't represent"],
    ["no time to be stored", ["order-7", { amount: 5 }, 0], "retentionMs must be"],
  ])("%s is refused, and nothing happens", async (_, given, message) => {
    const stub = account("misuse");
    await expect(stub.charge(...given)).rejects.toThrow(message);
    expect(await stub.state()).toEqual({ ...once, charges: 0, keys: 0 });
  });

  test("a class without SQLite is refused by the migration that it lacks", async () => {
    await expect(account("old", "OLD").state()).rejects.toThrow("new_sqlite_classes");
  });

  test("what is no class is refused", () => {
    expect(() => onceObject({} as never)).toThrow("DurableObject of cloudflare:workers");
  });
});

interface PlannedStub {
  planned(): Promise<number | null>;
}

const keysNamespace = async () =>
  (await worker.miniflare.getDurableObjectNamespace("ONCE")) as unknown as DurableObjectNamespace;

const claim = { scope: "acme", key: "order-7", fingerprint: "f", owner: "me", leaseMs: 60_000, retentionMs: 60_000 };

describe("the store in Durable Objects", () => {
  test("a claim with a lost answer is asked for again by its owner, and is still its own", async () => {
    const namespace = await keysNamespace();
    let losses = 2;
    const lossy = {
      idFromName: (name: string) => namespace.idFromName(name),
      get: (id: DurableObjectId) => ({
        async callOnceStore(call: unknown) {
          const reply = await (namespace.get(id) as { callOnceStore(call: unknown): unknown }).callOnceStore(call);
          if (losses-- > 0) throw new Error("Network connection lost.");
          return reply;
        },
      }),
    };
    // The objects know how many they are.
    await durableObjectStore(namespace, { prefix: "lost/" }).inspect(claim);
    const store = durableObjectStore(lossy, { prefix: "lost/" });
    await expect(store.claim(claim)).rejects.toThrow("Network connection lost.");
    await expect(store.claim(claim)).rejects.toThrow("Network connection lost.");
    expect(await store.claim(claim)).toMatchObject({ kind: "acquired", attempt: 1 });
    expect(await store.claim({ ...claim, owner: "other" })).toMatchObject({ kind: "in-progress" });
  });

  test("keys are spread over all objects, and each is found again by another store", async () => {
    const namespace = await keysNamespace();
    const store = durableObjectStore(namespace, { prefix: "spread/", shards: 8 });
    const keys = Array.from({ length: 100 }, (_, index) => `order-${index}`);
    await Promise.all(keys.map((key) => store.claim({ ...claim, key })));
    const counts = await Promise.all(
      Array.from({ length: 8 }, async (_, shard) => {
        const only = (name: string) => (name === `spread/${shard}` ? name : `nothing/${name}`);
        const alone = {
          idFromName: (name: string) => namespace.idFromName(only(name)),
          get: (id: DurableObjectId) => namespace.get(id),
        };
        return (await durableObjectStore(alone, { prefix: "spread/", shards: 8 }).list({ limit: 1000 })).length;
      }),
    );
    expect(Math.min(...counts)).toBeGreaterThan(0);
    expect(counts.reduce((sum, count) => sum + count)).toBe(100);
    const other = durableObjectStore(namespace, { prefix: "spread/", shards: 8 });
    expect(await other.list({ limit: 3 })).toMatchObject(["order-0", "order-1", "order-10"].map((key) => ({ key })));
    expect(await other.inspect({ scope: "acme", key: "order-99" })).toMatchObject({ state: "running" });
  });

  test("a store with another number of objects is refused, also where its object has no keys yet", async () => {
    const namespace = await keysNamespace();
    const keys = Array.from({ length: 30 }, (_, index) => `order-${index}`);
    const first = durableObjectStore(namespace, { prefix: "pinned/", shards: 2 });
    await Promise.all(keys.map((key) => first.claim({ ...claim, key })));
    for (const shards of [1, 3, 64]) {
      const other = durableObjectStore(namespace, { prefix: "pinned/", shards });
      const refused = { code: "ONCE_OPTION_INVALID", message: expect.stringContaining("shards must be 2") as string };
      for (const key of keys)
        await expect(other.claim({ ...claim, key, owner: "other" })).rejects.toMatchObject(refused);
      await expect(other.inspect({ scope: "acme", key: "order-1" })).rejects.toMatchObject(refused);
      await expect(other.list({})).rejects.toMatchObject(refused);
    }
    const again = durableObjectStore(namespace, { prefix: "pinned/", shards: 2 });
    for (const key of keys)
      expect(await again.claim({ ...claim, key, owner: "other" })).toMatchObject({ kind: "in-progress" });
  });

  test("of two numbers of objects that come at once, one is refused", async () => {
    const namespace = await keysNamespace();
    const stores = [5, 7].map((shards) => durableObjectStore(namespace, { prefix: "pinned-at-once/", shards }));
    const answers = await Promise.allSettled(
      Array.from({ length: 40 }, (_, index) => stores[index % 2]!.claim({ ...claim, key: `order-${index}` })),
    );
    const done = answers.map(({ status }, index) => (status === "fulfilled" ? index % 2 : undefined));
    expect(new Set(done.filter((index) => index !== undefined)).size).toBe(1);
    expect(done.filter((index) => index !== undefined)).toHaveLength(20);
  });

  test("a record that expires late does not keep those that expire soon", async () => {
    const namespace = await keysNamespace();
    const store = durableObjectStore(namespace, { prefix: "alarms/", shards: 1 });
    const planned = () => (namespace.get(namespace.idFromName("alarms/0")) as PlannedStub).planned();
    const dayMs = 86_400_000;
    await store.claim({ ...claim, key: "late", heldRetentionMs: 30 * dayMs });
    await expect.poll(planned).toBeGreaterThan(Date.now() + 29 * dayMs);
    await store.claim(claim);
    await store.complete({ ...claim, result: new Uint8Array(1), retentionMs: 1000 });
    await expect.poll(planned).toBeLessThan(Date.now() + 120_000);
  });

  test("a result that is larger than a row may be is refused by its size, and its key stays held", async () => {
    const store = durableObjectStore(await keysNamespace(), { prefix: "large/" });
    const tooLarge = { code: "ONCE_RESULT_TOO_LARGE", message: expect.stringContaining("1900000") as string };
    await store.claim(claim);
    const result = new Uint8Array(1_900_001);
    await expect(store.complete({ ...claim, result })).rejects.toMatchObject(tooLarge);
    const step = { ...claim, step: "one", result: new Uint8Array(1_800_000) };
    await expect(store.checkpoint(step)).rejects.toMatchObject(tooLarge);
    expect(await store.inspect(claim)).toMatchObject({ state: "running" });
    expect(await store.complete({ ...claim, result: result.subarray(1) })).toBe(true);
  });

  test.each<[string, unknown, string]>([
    ["a KV namespace", { get() {}, put() {}, getWithMetadata() {} }, "KV"],
    ["a D1 database", { prepare() {}, batch() {}, withSession() {} }, "d1Store(env.DB)"],
    ["an R2 bucket", { get() {}, head() {}, createMultipartUpload() {} }, "R2"],
    ["a stub of an object", { fetch() {}, id: {}, connect() {} }, "object"],
    ["no binding", undefined, "undefined"],
  ])("%s is refused by its name", (_, binding, message) => {
    expect(() => durableObjectStore(binding as never)).toThrow(message);
  });

  test.each([{ shards: 0 }, { shards: 1.5 }, { shards: 1025 }, { prefix: "" }, { shard: 3 }])(
    "%o is refused",
    (options) => {
      const namespace = { idFromName: () => "", get: () => ({}) };
      expect(() => durableObjectStore(namespace, options as never)).toThrow(/shards|prefix/);
    },
  );
});
