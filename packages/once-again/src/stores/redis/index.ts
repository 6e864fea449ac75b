/**
 * Keys in Redis or Valkey.
 *
 * @module
 */
export type { IoredisClient } from "./client.ts";
export { upstash } from "./upstash.ts";
export { redisStore, type RedisStore } from "./store.ts";
