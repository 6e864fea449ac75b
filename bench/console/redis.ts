import { Redis } from "ioredis";
import { redisStore } from "../../packages/once-again/src/stores/redis/index.ts";
import { redisKey } from "../../packages/once-again/src/stores/redis/record-format.ts";
import { startRedis } from "../../test/support/servers/redis.ts";
import { scope } from "../retention/engine.ts";
import type { ConsoleEngine } from "./engine.ts";

const prefix = "once-again:";
const pipelineSize = 5000;

export const redisEngine: ConsoleEngine = {
  name: "redis",
  async start() {
    const server = await startRedis();
    const client = new Redis(server.url);
    client.on("error", () => undefined);
    return {
      store: redisStore(client),
      async addCopies(key, count) {
        const name = redisKey(prefix, { scope, key });
        const text = (await client.getBuffer(name))!;
        const removedAt = String(await client.pexpiretime(name));
        for (let added = 0; added < count; added += pipelineSize) {
          const pipeline = client.pipeline();
          for (let copy = added; copy < Math.min(count, added + pipelineSize); copy += 1) {
            pipeline.call("SET", redisKey(prefix, { scope, key: crypto.randomUUID() }), text, "PXAT", removedAt);
          }
          await pipeline.exec();
        }
      },
      async [Symbol.asyncDispose]() {
        await client.quit();
        await server[Symbol.asyncDispose]();
      },
    };
  },
};
