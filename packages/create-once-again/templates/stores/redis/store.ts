import { Redis } from "ioredis";
import { redisStore } from "once-again/stores/redis";

// Redis or Valkey.
const redis = new Redis(process.env["REDIS_URL"] ?? "redis://127.0.0.1:6379");
export const store = redisStore(redis);
