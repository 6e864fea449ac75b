export type { IoredisClient, IoredisCluster, NodeRedisClient, NodeRedisCluster, RedisClient } from "./client.ts";
export { redisStore, type RedisStore, type RedisStoreOptions } from "./store.ts";
