import { Redis } from "ioredis"; // or createClient of "redis", or a cluster of either
import { onceFetch } from "once-again/fetch";
import { redisStore } from "once-again/stores/redis";

const redis = new Redis(process.env["REDIS_URL"] ?? "redis://127.0.0.1:6379", { enableAutoPipelining: true });
const store = redisStore(redis);
for (const problem of (await store.health()).problems) console.log(problem);

export const orders = onceFetch({ store, scope: "public" }, () => new Response("made", { status: 201 }));
