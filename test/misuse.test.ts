import { createPool as createCallbackPool } from "mysql2";
import { createPool } from "mysql2/promise";
import { Redis } from "ioredis";
import { Client, Pool } from "pg";
import postgres from "postgres";
import { createClient } from "redis";
import { expect, onTestFinished, test } from "vitest";
import { onceExpress } from "../packages/once-again/src/frameworks/express.ts";
import { onceFastify } from "../packages/once-again/src/frameworks/fastify.ts";
import { onceFetch } from "../packages/once-again/src/frameworks/fetch.ts";
import { onceHono } from "../packages/once-again/src/frameworks/hono.ts";
import { onceKoa } from "../packages/once-again/src/frameworks/koa.ts";
import { onceNest } from "../packages/once-again/src/frameworks/nest/interceptor.ts";
import { leasedEngine, transactionalEngine } from "../packages/once-again/src/engine/index.ts";
import { memoryStore } from "../packages/once-again/src/stores/memory/index.ts";
import { mariadbStore } from "../packages/once-again/src/stores/mariadb/index.ts";
import { natsStore } from "../packages/once-again/src/stores/nats/index.ts";
import { postgresStore } from "../packages/once-again/src/stores/postgres/index.ts";
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
  expect(() => onceFetch(handler as never, options as never)).toThrow("must be an object, but it is a function.");
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

const mariadbPool = "wrap it, mariadbStore(pool)";
const redisClient = "wrap it, redisStore(client)";

test.each<[string, Make, Partial<Record<keyof ReturnType<typeof clients>, string>>]>([
  [
    "mariadbStore",
    mariadbStore,
    {
      pgPool: "postgresStore(pool)",
      sql: "postgresStore(sql)",
      ioredis: redisClient,
      redis: redisClient,
      callbackPool: "pool.promise()",
      nats: "natsStore(kv)",
    },
  ],
  [
    "postgresStore",
    postgresStore,
    {
      promisePool: mariadbPool,
      callbackPool: "mysql2/promise",
      ioredis: redisClient,
      redis: redisClient,
      pgClient: "one connection",
      wrappedSql: "a wrapper",
    },
  ],
  ["redisStore", redisStore, { pgPool: "postgresStore(pool)", sql: "postgresStore(sql)", promisePool: mariadbPool }],
  [
    "natsStore",
    natsStore,
    { ioredis: redisClient, redis: redisClient, pgPool: "postgresStore(pool)", nats: "a bucket of it" },
  ],
])("%s of another's client is refused, with the store that takes it", async (_, make, wrong) => {
  const given = clients();
  for (const [name, advice] of Object.entries(wrong)) {
    const made = async (): Promise<unknown> => make(given[name as keyof typeof given] as never);
    const error = await made().catch((error: unknown) => error);
    expect(error, name).toMatchObject({ code: "ONCE_OPTION_INVALID" });
    expect(String(error), name).toContain(advice);
  }
  await expect((async () => make(undefined as never))()).rejects.toMatchObject({ code: "ONCE_OPTION_INVALID" });
});

test("the right clients are taken", () => {
  const { pgPool, sql, promisePool, ioredis, redis } = clients();
  expect([postgresStore(pgPool), postgresStore(sql), mariadbStore(promisePool)]).toHaveLength(3);
  expect([redisStore(ioredis), redisStore(redis)]).toHaveLength(2);
});

test("natsStore refuses a name that is no option of it", async () => {
  await expect(natsStore({} as never, { requestMs: 1 } as never)).rejects.toThrow("Did you mean requestMsMax?");
});

test("transactions of a store that has none are refused, with the stores that have some", () => {
  const { ioredis } = clients();
  for (const leased of [store, redisStore(ioredis)]) {
    const unsafe = expect.objectContaining({ code: "ONCE_UNSAFE_PAIR" }) as Error;
    const wrong = { store: leased, scope: "public", mode: "transactional" } as never;
    expect(() => onceFetch(wrong, handler)).toThrow(unsafe);
    expect(() => onceExpress(wrong)).toThrow(/postgresStore, mariadbStore or sqliteStore/);
    expect(() => transactionalEngine(leased as never, {})).toThrow(unsafe);
    expect(() => transactionalEngine(leased as never, {})).toThrow(/postgresStore, mariadbStore or sqliteStore/);
  }
  expect(leasedEngine(store, {})).toBeDefined();
});
