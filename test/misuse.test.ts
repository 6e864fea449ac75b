import { join } from "node:path";
import { createPool as createCallbackPool } from "mysql2";
import { createPool } from "mysql2/promise";
import { Redis } from "ioredis";
import { Client, Pool } from "pg";
import postgres from "postgres";
import { createClient } from "redis";
import { expect, onTestFinished, test } from "vitest";
import { onceExpress } from "../packages/once-again/src/frameworks/express.ts";
import { onceFastify } from "../packages/once-again/src/frameworks/fastify.ts";
import { onceWeb } from "../packages/once-again/src/frameworks/web.ts";
import { onceHono } from "../packages/once-again/src/frameworks/hono.ts";
import { onceKoa } from "../packages/once-again/src/frameworks/koa.ts";
import { onceNest } from "../packages/once-again/src/frameworks/nest/interceptor.ts";
import { leasedEngine, transactionalEngine } from "../packages/once-again/src/engine/index.ts";
import { memoryStore } from "../packages/once-again/src/stores/memory/index.ts";
import { mariadbStore } from "../packages/once-again/src/stores/mariadb/index.ts";
import { natsStore } from "../packages/once-again/src/stores/nats/index.ts";
import { postgresStore } from "../packages/once-again/src/stores/postgres/index.ts";
import { retry } from "../packages/once-again/src/retry/index.ts";
import { sqliteIntents, sqliteOutbox, sqliteStore } from "../packages/once-again/src/stores/sqlite/index.ts";
import { temporaryFolder } from "./support/temporary-folder.ts";
import { redisStore } from "../packages/once-again/src/stores/redis/index.ts";

type Make = (...given: never[]) => unknown;

const store = memoryStore();
const options = { store, scope: "public" } as const;
const handler = (): Response => new Response();
const refusal = (option: string) =>
  expect.objectContaining({ code: "ONCE_OPTION_INVALID", details: { option } }) as Error;

test.each<[string, Make]>([
  ["onceExpress", onceExpress],
  ["onceKoa", onceKoa],
  ["onceFastify", onceFastify],
  ["onceHono", onceHono],
  ["onceNest", onceNest],
])("%s refuses a handler, which it would not call, and says where the handler belongs", (name, make) => {
  const mount = (): unknown => make(options as never, handler as never);
  expect(mount).toThrow(refusal("handler"));
  expect(mount).toThrow(/^once\w+ takes its options alone\. Put the handler behind it: .*once\w+\(options\)/);
  expect(mount).toThrow(name);
  expect(() => make(options as never)).not.toThrow();
});

test("options that are a store, a handler or another middleware are refused, with what they are", () => {
  expect(() => onceExpress(store as never)).toThrow("give it as the option `store`");
  expect(() => onceExpress(store as never)).toThrow(refusal("options"));
  expect(() => onceWeb(handler as never, options as never)).toThrow("must be an object, but it is a function.");
  expect(() => onceKoa(onceKoa(options) as never)).toThrow("must be an object, but it is a function.");
});

/** Clients as their libraries make them; none of them connects. */
function clients() {
  const callbackPool = createCallbackPool({});
  const promisePool = createPool({});
  const ioredis = new Redis({ lazyConnect: true });
  const sql = postgres("postgres://127.0.0.1:1/none");
  onTestFinished(async () => {
    ioredis.disconnect();
    await Promise.all([promisePool.end(), callbackPool.promise().end(), sql.end()]);
  });
  const nats = { publish: handler, request: handler, requestMany: handler };
  return {
    callbackPool,
    promisePool,
    ioredis,
    sql,
    wrappedSql: Object.assign(() => undefined, sql, { unsafe: () => Promise.reject(new Error("The server is away.")) }),
    nats,
    redis: createClient(),
    pgPool: new Pool(),
    pgClient: new Client(),
  };
}

test("the right clients are taken", () => {
  const { pgPool, sql, promisePool, ioredis, redis } = clients();
  expect([postgresStore(pgPool), postgresStore(sql), mariadbStore(promisePool)]).toHaveLength(3);
  expect([redisStore(ioredis), redisStore(redis)]).toHaveLength(2);
});

test.each<[string, Make, string]>([
  ["redisStore", redisStore, "such as new Redis(url), but it is a text"],
  ["postgresStore", postgresStore, "such as new Pool({ connectionString }), or the sql of postgres, but it is a text"],
  ["mariadbStore", mariadbStore, "such as createPool(url), but it is a text"],
  ["sqliteStore", sqliteStore, 'an object such as { path: "keys.db" }, but it is a text'],
  ["sqliteOutbox", sqliteOutbox, 'an object such as { path: "keys.db" }, but it is a text'],
  ["sqliteIntents", sqliteIntents, 'an object such as { path: "keys.db" }, but it is a text'],
])("%s of an address says what to make of it", (_, make, advice) => {
  expect(() => make("db://shop.example/keys" as never)).toThrow(advice);
});

test("a store's maker in the place of the store is to be called", () => {
  const wrong = { store: memoryStore, scope: "public" } as never;
  for (const make of [onceExpress, onceKoa, onceFastify, onceHono, onceNest] as Make[])
    expect(() => make(wrong)).toThrow("give what it returns, memoryStore(…)");
});

test("a promise in the place of an operation is to be made by a function", async () => {
  const pending = Promise.reject(new Error("without a listener"));
  await expect(retry(pending as never)).rejects.toThrow("such as () => fetch(url), but it is a promise");
});

test("SQLite in a folder that is not there says which, and how to make it", () => {
  const folder = join(temporaryFolder(), "none");
  for (const make of [sqliteStore, sqliteOutbox, sqliteIntents]) {
    const open = (): unknown => make({ path: join(folder, "keys.db") });
    expect(open).toThrow(`${JSON.stringify(folder)} is not. Make it first: mkdirSync(`);
    expect(open).toThrow(refusal("path"));
  }
});

test("a store in SQLite that was closed says who closed it", async () => {
  const path = join(temporaryFolder(), "keys.db");
  const keys = sqliteStore({ path });
  const messages = sqliteOutbox({ path });
  const intents = sqliteIntents({ path });
  for (const one of [keys, messages, intents]) {
    await one.close();
    // Twice is once.
    await one.close();
  }
  const closed = expect.objectContaining({
    code: "ONCE_STORE_UNAVAILABLE",
    message: expect.stringContaining("this program called its close()") as unknown,
  }) as Error;
  await expect(keys.inspect({ scope: "a", key: "b" })).rejects.toThrow(closed);
  await expect(messages.backlog()).rejects.toThrow(closed);
  await expect(intents.list({ state: "pending", limit: 1 })).rejects.toThrow(closed);
});

test.each([
  ["keyRequired", "profile"],
  ["keyHeader", "profile"],
  ["bodyBytesMax", "limits"],
  ["secret", "steps"],
  ["quiesceMs", "onUnknown"],
])("an option outside its group, %s, is shown in it", (name, group) => {
  const wrong = { ...options, [name]: false } as never;
  expect(() => onceExpress(wrong)).toThrow(`It is in the group ${group}: write { ${group}: { ${name}: … } }.`);
  expect(() => onceWeb(wrong, handler)).toThrow(refusal(name));
});

test.each(["X-Idempotency-Key", "Idempotency-Token"])("a key in %s is refused with both names", async (header) => {
  const call = onceWeb(options, handler);
  const request = { method: "POST", headers: { [header]: "a" } };
  const refused = (await (await call(new Request("http://shop.example", request))).json()) as { detail: string };
  expect(refused.detail).toBe(`You sent ${header}. This operation takes its key in Idempotency-Key.`);
});

test("natsStore refuses a name that is no option of it", async () => {
  await expect(natsStore({} as never, { requestMs: 1 } as never)).rejects.toThrow("Did you mean requestMsMax?");
});

test("transactions of a store that has none are refused, with the stores that have some", () => {
  const { ioredis } = clients();
  for (const leased of [store, redisStore(ioredis)]) {
    const unsafe = expect.objectContaining({ code: "ONCE_UNSAFE_PAIR" }) as Error;
    const wrong = { store: leased, scope: "public", mode: "transactional" } as never;
    expect(() => onceWeb(wrong, handler)).toThrow(unsafe);
    expect(() => onceExpress(wrong)).toThrow(/postgresStore, mariadbStore or sqliteStore/);
    expect(() => transactionalEngine(leased as never, {})).toThrow(unsafe);
    expect(() => transactionalEngine(leased as never, {})).toThrow(/postgresStore, mariadbStore or sqliteStore/);
  }
  expect(leasedEngine(store, {})).toBeDefined();
});
