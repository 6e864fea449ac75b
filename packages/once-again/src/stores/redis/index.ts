/**
 * Keys in Redis or Valkey.
 *
 * @module
 */
export type { IoredisCluster, RedisClient } from "./client.ts";
export { redisStore, type RedisStore, type RedisStoreOptions } from "./store.ts";
