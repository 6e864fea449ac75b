/**
 * Keys in Redis or Valkey.
 *
 * @module
 */
export { upstash } from "./upstash.ts";
export { redisStore, type RedisStore } from "./store.ts";
