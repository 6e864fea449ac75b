/** A route handler for Next's edge runtime, with a store in memory; a store of Redis by HTTP is loaded beside it. */
import { onceWeb } from "once-again/web";
import { memoryStore } from "once-again/stores/memory";
import { redisStore, upstash } from "once-again/stores/redis";

const refused = redisStore(upstash({ url: "http://127.0.0.1:1", token: "none" }));
let orders = 0;

export const POST = onceWeb({ store: memoryStore(), scope: "public" }, async () => {
  orders += 1;
  const isReachable = await refused.inspect({ scope: "public", key: "none" }).then(
    () => true,
    () => false,
  );
  return Response.json({ orders, isReachable }, { status: 201 });
});
