/**
 * Keys in Redis or Valkey.
 *
 * @module
 */
export { redisStore, type RedisStore } from "./store.ts";
