import type { StoreKit } from "../kit.ts";

export const redisKit = {
  name: "redis",
  title: "Redis, Valkey",
  page: "guides/choosing-a-store.md#redis-and-valkey",
  drivers: [
    { title: "Redis, Valkey by ioredis", package: "ioredis", range: "^5.0.0 || ^6.0.0" },
    { title: "Redis, Valkey by redis", package: "redis" },
  ],
  modes: ["leased"],
  holds: [],
  urls: {
    schemes: ["redis", "rediss", "valkey", "valkeys"],
    form: "redis:// or valkey:// (…?prefix=shop:, …?cluster)",
    parameters: ["prefix", "cluster"],
    open: async () => ({ store: (await import("./open.ts")).openRedis }),
  },
  migrates: false,
  mistaken: [
    { methods: ["callBuffer"], advice: "a client of Redis: wrap it, redisStore(client)" },
    { methods: ["withTypeMapping"], advice: "a client of Redis: wrap it, redisStore(client)" },
    {
      methods: ["createScript"],
      advice:
        "a client of @upstash/redis, which changes what it reads: give its address and token, redisStore(upstash({ url, token })), or " +
        "take a client of ioredis or redis with the rediss:// address",
    },
    {
      methods: ["invokeScript"],
      advice: "a client of Valkey GLIDE: take a client of ioredis or redis, redisStore(client)",
    },
    {
      methods: ["defineCommand"],
      butNot: ["callBuffer"],
      advice: "a stand-in for a client of ioredis: take one of ioredis, or memoryStore() in tests",
    },
  ],
  create: { title: "Redis or Valkey", packages: ["ioredis"], variable: "REDIS_URL" },
  ownFiles: ["owned-records", "scripts", "server-clock", "silence-watch", "upstash"],
} as const satisfies StoreKit;
