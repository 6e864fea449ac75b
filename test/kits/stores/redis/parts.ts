import { Redis } from "ioredis";
import { createClient } from "redis";
import type { RedisClient } from "../../../../packages/once-again/src/stores/redis/client.ts";
import { redisStore } from "../../../../packages/once-again/src/stores/redis/index.ts";
import { redisKey } from "../../../../packages/once-again/src/stores/redis/record-format.ts";
import { redisStoreOn } from "../../../../packages/once-again/src/stores/redis/store.ts";
import { onClock } from "../../../redis/on-clock.ts";
import { waitMsMax } from "../../../support/wait-ms-max.ts";
import type { OpenRecords, StoreParts } from "../../store-kit.ts";

const retryMs = 20;

interface IoredisOptions {
  readonly enableAutoPipelining?: boolean;
  readonly protocol?: 2;
  readonly stringNumbers?: boolean;
}

function ioredis(url: string, options: IoredisOptions = {}): Redis {
  return new Redis(url, { retryStrategy: () => retryMs, ...options }).on("error", () => undefined);
}

function nodeRedis(url: string, RESP: 2 | 3) {
  const client = createClient({
    url,
    RESP,
    socket: { reconnectStrategy: () => retryMs },
    // Otherwise 5 s, which a busy machine takes for thousands at a time.
    commandOptions: { timeout: waitMsMax },
  });
  client.on("error", () => undefined);
  const connected = client.connect();
  const close = async () => {
    await connected;
    client.destroy();
  };
  return { client, close };
}

const opener =
  (connect: (url: string) => { readonly client: RedisClient; readonly close: () => Promise<void> }): OpenRecords =>
  async (place, records) => {
    const { client, close } = connect(place);
    return { ...redisStore(client, { prefix: `${records}:` }), close };
  };
const byIoredis = (options?: IoredisOptions): OpenRecords =>
  opener((url) => {
    const client = ioredis(url, options);
    return { client, close: async () => client.disconnect() };
  });

async function withAdmin<Value>(place: string, ask: (admin: Redis) => Promise<Value>): Promise<Value> {
  const admin = ioredis(place);
  return ask(admin).finally(() => admin.disconnect());
}

export const redisParts: StoreParts = {
  clients: {
    ioredis: byIoredis(),
    "ioredis, pipelining by itself": byIoredis({ enableAutoPipelining: true }),
    "redis (node-redis)": opener((url) => nodeRedis(url, 3)),
    "ioredis, in RESP2, with numbers as texts": byIoredis({ protocol: 2, stringNumbers: true }),
    "redis (node-redis), in RESP2": opener((url) => nodeRedis(url, 2)),
  },
  async onClock(place, records, clock) {
    const client = ioredis(place);
    const store = redisStoreOn(onClock(client, clock), { prefix: `${records}:` }, clock);
    return { ...store, close: async () => client.disconnect() };
  },
  breakRecord: (place, records, name) =>
    withAdmin(place, async (admin) => {
      const key = redisKey(`${records}:`, name);
      const text = (await admin.getBuffer(key))!.toString("latin1");
      await admin.set(key, Buffer.from(text.replace(/^(1 \w+ \S* \S*) \d+/, "$1 0"), "latin1"));
    }),
  clean: (place, records) =>
    withAdmin(place, async (admin) => {
      for (const name of records) {
        for await (const keys of admin.scanStream({ match: `${name}:*` })) {
          if (keys.length > 0) await admin.unlink(keys as string[]);
        }
      }
    }),
  mistaken: () => {
    const client = new Redis({ lazyConnect: true });
    return {
      "a client of ioredis": { client, advice: "wrap it, redisStore(client)", close: () => client.disconnect() },
      "a client of redis": { client: createClient(), advice: "wrap it, redisStore(client)" },
    };
  },
  make: (client, options) => redisStore(client as Redis, options),
};
