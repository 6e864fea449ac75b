import { Redis } from "ioredis";
import { redisStore } from "../../../../packages/once-again/src/stores/redis/index.ts";
import { redisBinary, startRedis } from "../../../support/servers/redis.ts";
import { busyMsMax, type CrashEngine } from "../engine.ts";

export const redisEngine: CrashEngine = {
  name: "redis",
  modes: ["hold"],
  server: {
    binary: redisBinary,
    start: (within) => startRedis({ within }),
    // SET … NX writes a record that runs; what replaces it is done.
    claiming: { hold: "1 running " },
    completing: { hold: "1 done " },
  },
  async open(url) {
    const client = new Redis(url, { retryStrategy: () => 50, maxRetriesPerRequest: 1, commandTimeout: busyMsMax });
    client.on("error", () => undefined);
    return {
      store: redisStore(client),
      prepare: async () => undefined,
      connections: async () =>
        String(await client.client("LIST"))
          .trim()
          .split("\n").length,
      close: async () => client.disconnect(),
    };
  },
};
