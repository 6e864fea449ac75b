/**
 * Keys in Redis or Valkey.
 *
 * @module
 */
import "../../core/check-platform.ts";
export type { IoredisClient } from "./client.ts";
export { upstash } from "./upstash.ts";
export { redisStore, type RedisStore } from "./store.ts";
