import { Redis } from "ioredis"; // or createClient of "redis", or a cluster of either
import { onceWeb } from "once-again/web";
import { redisStore } from "once-again/stores/redis";

const redis = new Redis(process.env["REDIS_URL"] ?? "redis://127.0.0.1:6379", { enableAutoPipelining: true });
const store = redisStore(redis);
for (const problem of (await store.health()).problems) console.log(problem);

export const orders = onceWeb({ store, scope: "public" }, () => new Response("made", { status: 201 }));
