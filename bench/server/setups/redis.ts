import { IdempotencyConfig, makeIdempotent } from "@aws-lambda-powertools/idempotency";
import { CachePersistenceLayer } from "@aws-lambda-powertools/idempotency/cache";
import { Idempotency } from "@node-idempotency/core";
import { RedisStorageAdapter } from "@node-idempotency/storage-adapter-redis";
import redisAdapter from "express-idempotency-redis-adapter";
import { Redis } from "ioredis";
import { createClient } from "redis";
import { redisStore } from "../../../packages/once-again/src/stores/redis/index.ts";
import { expressIdempotency, nodeIdempotency } from "../peers.ts";
import { type Guarded, type MakeSetup, plainWork, type Setup, unguarded, type Work } from "../setup.ts";

const retentionMs = 86_400_000;
const running = "running";

/** The two commands of a minimum: no lease, no owner, no fingerprint, no headers. */
interface TwoCommands {
  /** Sets a key that is not there, and answers with the value that was there before. */
  claim: (key: string) => Promise<string | null>;
  keep: (key: string, value: string) => Promise<unknown>;
}

function handWritten({ claim, keep }: TwoCommands): Guarded {
  return async ({ key }, work) => {
    const name = `minimum:${key}`;
    const known = await claim(name);
    if (known === running) throw new Error("in progress");
    if (known !== null) return known;
    const text = await work(undefined);
    await keep(name, text);
    return text;
  };
}

/** The minimum through node-redis, which makes an abort signal for each command unless an option prevents it. */
async function throughRedis(options: Parameters<typeof createClient>[0]): Promise<Setup> {
  const client = await createClient(options).connect();
  const expiration = { type: "PX", value: retentionMs } as const;
  const guarded = handWritten({
    claim: (key) => client.set(key, running, { condition: "NX", GET: true, expiration }),
    keep: (key, value) => client.set(key, value, { expiration }),
  });
  return { kind: "function", guarded, work: plainWork };
}

/** Commands of one turn go out in one packet, as node-redis does by itself: a packet for each costs more than all else. */
const ioredis = (url: string): Redis => new Redis(url, { enableAutoPipelining: true });

/** The guards with keys in Redis. */
export const redisSetups = {
  none: async () => ({ kind: "function", guarded: unguarded, work: plainWork }),
  "hand-written, redis": (url) => throughRedis({ url }),
  "hand-written, redis, no signals": (url) => throughRedis({ url, commandOptions: { timeout: 0 } }),
  "hand-written, ioredis": async (url) => {
    const client = ioredis(url);
    const guarded = handWritten({
      claim: (key) => client.set(key, running, "PX", retentionMs, "NX", "GET"),
      keep: (key, value) => client.set(key, value, "PX", retentionMs),
    });
    return { kind: "function", guarded, work: plainWork };
  },
  "once-again, redis": async (url) => ({
    kind: "leased",
    options: { store: redisStore(await createClient({ url }).connect()), scope: "public" },
    work: plainWork,
  }),
  "once-again, ioredis": async (url) => ({
    kind: "leased",
    options: { store: redisStore(ioredis(url)), scope: "public" },
    work: plainWork,
  }),
  "node-idempotency": async (url) => {
    const storage = new RedisStorageAdapter({ url });
    await storage.connect();
    return { kind: "function", guarded: nodeIdempotency(new Idempotency(storage)), work: plainWork };
  },
  powertools: async (url) => ({ kind: "function", guarded: await powertools(url), work: plainWork }),
  "express-idempotency": async (url) => {
    const dataAdapter = new redisAdapter.default({ connectionConfig: { url } });
    await dataAdapter.connect();
    // Its types and those of express-idempotency differ in an optional property.
    return expressIdempotency({ dataAdapter: dataAdapter as never });
  },
} satisfies Record<string, MakeSetup>;

/** `@aws-lambda-powertools/idempotency` around the work, outside Lambda, as it may be used on any function. */
async function powertools(url: string): Promise<Guarded> {
  const persistenceStore = new CachePersistenceLayer({ client: await createClient({ url }).connect() });
  const config = new IdempotencyConfig({ eventKeyJmesPath: "key" });
  // Without this it warns of each call.
  config.registerLambdaContext({ getRemainingTimeInMillis: () => 30_000 } as Parameters<
    IdempotencyConfig["registerLambdaContext"]
  >[0]);
  const works = new Map<string, Work>();
  const once = makeIdempotent(async (event: { key: string; body: unknown }) => works.get(event.key)?.(undefined), {
    persistenceStore,
    config,
  });
  return async ({ key, body }, work) => {
    works.set(key, work);
    try {
      return String(await once({ key, body }));
    } finally {
      works.delete(key);
    }
  };
}
