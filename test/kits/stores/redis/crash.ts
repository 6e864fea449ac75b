import { Redis } from "ioredis";
import { redisStore } from "../../../../packages/once-again/src/stores/redis/index.ts";
import { redisBinary, startRedis } from "../../../support/servers/redis.ts";
import { busyMsMax, type CrashEngine } from "../../../proof/crash/engine.ts";

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
  operator: {
    async session(url) {
      const client = new Redis(url, { lazyConnect: true, retryStrategy: () => null });
      client.on("error", () => undefined);
      await client.connect();
      return {
        run: (statement) => {
          const [command, ...rest] = statement.split(" ");
          return client.call(command!, ...rest);
        },
        [Symbol.asyncDispose]: async () => client.disconnect(),
      };
    },
    operations: () => ({
      "paused-writes": { done: ["CLIENT PAUSE 6000 WRITE"], undo: ["CLIENT UNPAUSE"] },
      "ended-connections": { repeated: "CLIENT KILL TYPE normal SKIPME yes" },
      "full-memory": { done: ["CONFIG SET maxmemory 1"], undo: ["CONFIG SET maxmemory 0"] },
    }),
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
