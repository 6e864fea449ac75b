import { type DynamoDBClient, GetItemCommand } from "@aws-sdk/client-dynamodb";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { awsProxy, type AwsProxy } from "../../../../../test/dynamodb/aws-proxy.ts";
import { createTable, dynamodbClient } from "../../../../../test/dynamodb/tables.ts";
import { startDynalite } from "../../../../../test/support/servers/dynalite.ts";
import { longClaim } from "../../../../../test/support/long-claim.ts";
import { itemKey } from "./record-format.ts";
import { dynamodbStore } from "./store.ts";

const table = "once";
const result = Uint8Array.of(1, 2);
const hourMs = 3_600_000;
const shifted = (ms: number) => (date: string) => new Date(Date.parse(date) + ms).toUTCString();

let server: Awaited<ReturnType<typeof startDynalite>>;
let proxy: AwsProxy;
let client: DynamoDBClient;
const storeOf = (prefix: string, requestMsMax = 10_000) => dynamodbStore(client, { table, prefix, requestMsMax });

beforeAll(async () => {
  server = await startDynalite();
  const direct = dynamodbClient(server.url);
  await createTable(direct, table);
  direct.destroy();
});
afterAll(() => server[Symbol.asyncDispose]());
beforeEach(async () => {
  proxy = await awsProxy(server.url);
  client = dynamodbClient(proxy.url);
});
afterEach(async () => {
  client.destroy();
  await proxy[Symbol.asyncDispose]();
});

async function itemOf(prefix: string, key: string) {
  const Key = { pk: { S: itemKey(prefix, longClaim(key)) } };
  return (await client.send(new GetItemCommand({ TableName: table, Key, ConsistentRead: true }))).Item;
}

test("a first claim, a completion and a release are one request each, after one read in the life of a process", async () => {
  const store = storeOf("trips");
  const first = longClaim("first");
  await store.claim(first);
  expect(proxy.operations.splice(0)).toEqual(["GetItem", "PutItem"]);
  const second = longClaim("second");
  await store.claim(second);
  await store.renew({ ...second, leaseMs: hourMs });
  await store.checkpoint({ ...second, step: "s", result });
  await store.complete({ ...second, result });
  expect(proxy.operations.splice(0)).toEqual(["PutItem", "UpdateItem", "UpdateItem", "UpdateItem"]);
  await store.release(first);
  expect(proxy.operations).toEqual(["UpdateItem"]);
});

test("while it is unknown whether an operation happened, nothing removes its record; a result has its time", async () => {
  const store = storeOf("ttl");
  const held = longClaim("held");
  await store.claim(held);
  await store.renew({ ...held, leaseMs: 0 });
  expect(await itemOf("ttl", "held")).not.toHaveProperty("ttl");
  const brief = longClaim("brief", { heldRetentionMs: 1000 });
  await store.claim(brief);
  const before = Number((await itemOf("ttl", "brief"))?.["ttl"]?.N);
  await store.renew({ ...brief, leaseMs: 2 * hourMs });
  // It is never removed under its owner.
  expect(Number((await itemOf("ttl", "brief"))?.["ttl"]?.N) - before).toBeGreaterThan(hourMs / 1000);
  await store.complete({ ...held, result, retentionMs: 60_000 });
  const ttl = Number((await itemOf("ttl", "held"))?.["ttl"]?.N);
  expect(Math.abs(ttl - Date.now() / 1000 - 120)).toBeLessThan(10);
});

test("a claim that arrives after its owner gave the key back does not take it", async () => {
  const store = storeOf("late", 300);
  await store.inspect(longClaim("any"));
  const go = Promise.withResolvers<void>();
  const held = Promise.withResolvers<void>();
  proxy.hold = (operation) => {
    if (operation !== "PutItem") return undefined;
    proxy.hold = () => undefined;
    held.resolve();
    return go.promise;
  };
  const late = longClaim("k");
  const claiming = store.claim(late);
  const releasing = store.release(late);
  await held.promise;
  await expect(claiming).rejects.toMatchObject({ code: "ONCE_STORE_UNAVAILABLE" });
  expect(await releasing).toBe(false);
  const arrived = Promise.withResolvers<void>();
  proxy.loses = () => {
    arrived.resolve();
    return false;
  };
  go.resolve();
  await arrived.promise;
  const [one, other] = [await store.claim(longClaim("k")), await store.claim(longClaim("k"))];
  expect([one.kind, other.kind]).toEqual(["acquired", "in-progress"]);
});

test("a reader with an earlier time takes no living claim over, and one wrong answer is not believed", async () => {
  const owner = storeOf("slow");
  const claim = longClaim("k", { leaseMs: 60_000 });
  await owner.claim(claim);
  const takeOver = (store = storeOf("slow")) =>
    store.claim(longClaim("k", { owner: crypto.randomUUID(), takeOverAfterMs: 0 }));
  proxy.date = shifted(-hourMs);
  expect((await takeOver()).kind).toBe("in-progress");
  proxy.date = (date) => date;
  const reader = storeOf("slow");
  await reader.inspect(claim);
  let wrong = 1;
  proxy.date = (date) => (wrong-- > 0 ? shifted(hourMs)(date) : date);
  for (let time = 0; time < 3; time += 1) expect((await takeOver(reader)).kind).toBe("in-progress");
  expect(await owner.complete({ ...claim, result })).toBe(true);
});

test("a host that slept stamps its lease and its result anew", async () => {
  const store = storeOf("slept");
  await store.inspect(longClaim("any"));
  // To this process it is an hour earlier than to all others.
  proxy.date = shifted(hourMs);
  const claim = longClaim("k", { leaseMs: 60_000 });
  expect((await store.claim(claim)).kind).toBe("acquired");
  const other = storeOf("slept");
  expect((await other.claim(longClaim("k", { owner: "other", takeOverAfterMs: 0 }))).kind).toBe("in-progress");
  proxy.date = shifted(2 * hourMs);
  expect(await store.complete({ ...claim, result, retentionMs: 60_000 })).toBe(true);
  const reader = storeOf("slept");
  expect(await reader.claim(longClaim("k"))).toEqual({ kind: "done", result });
});

test("answers without a date are refused with what to do, and a date that comes twice is one", async () => {
  proxy.date = () => undefined;
  await expect(storeOf("undated").claim(longClaim("k"))).rejects.toMatchObject({
    code: "ONCE_STORE_UNAVAILABLE",
    message: expect.stringContaining("Date header") as string,
  });
  proxy.date = (date) => [date, date];
  expect((await storeOf("twice").claim(longClaim("k"))).kind).toBe("acquired");
});

test("a client that caches its middleware is no hindrance", async () => {
  const caching = dynamodbClient(proxy.url, { cacheMiddleware: true });
  const store = dynamodbStore(caching, { table, prefix: "caching" });
  // Its own commands fill the cache first.
  await caching.send(new GetItemCommand({ TableName: table, Key: { pk: { S: "any" } } }));
  const claim = longClaim("k");
  expect((await store.claim(claim)).kind).toBe("acquired");
  expect(await store.complete({ ...claim, result })).toBe(true);
  expect((await store.inspect(claim))?.state).toBe("done");
  caching.destroy();
});

test("a step may have any name, also one that is no text of Unicode", async () => {
  const store = storeOf("steps");
  const claim = longClaim("k");
  await store.claim(claim);
  const steps = ["\ud800", "\ud801", "__proto__", "", ".", ",", "\0"];
  for (const [index, step] of steps.entries()) {
    await store.checkpoint({ ...claim, step, result: Uint8Array.of(index) });
  }
  const { checkpoints = {} } = (await store.inspect(claim))?.record ?? {};
  const stored = new Map(Object.entries(checkpoints).map(([step, bytes]) => [step, bytes[0]]));
  expect(stored).toEqual(new Map(steps.map((step, index) => [step, index])));
});

test("a table that is not there, or has another key, and wrong options are refused with what to do", async () => {
  const claim = () => dynamodbStore(client, { table: "missing" }).claim(longClaim("k"));
  await expect(claim()).rejects.toMatchObject({
    code: "ONCE_STORE_UNAVAILABLE",
    message: expect.stringContaining("partition key pk") as string,
  });
  const invalid = expect.objectContaining({ code: "ONCE_OPTION_INVALID" }) as Error;
  expect(() => dynamodbStore({} as never, { table })).toThrow(invalid);
  expect(() => dynamodbStore(client, {} as never)).toThrow(invalid);
  expect(() => dynamodbStore(client, { table, prefix: "a/b" })).toThrow(invalid);
  expect(() => dynamodbStore(client, { table, requestMsMax: 0 })).toThrow(invalid);
  expect(() => dynamodbStore(client, { table, tabel: "x" } as never)).toThrow(invalid);
});
