/**
 * Fastify in front of a Redis Cluster: two servers, one set of keys. Fifty repeats of one order, spread over both, make it
 * once.
 *
 *     REDIS_NODES=127.0.0.1:7000,127.0.0.1:7001 npm run example examples/cluster/main.ts
 */
import type { IncomingMessage } from "node:http";
import { fastify } from "fastify";
import { Cluster } from "ioredis";
import { onceFastify } from "once-again/fastify";
import { redisStore } from "once-again/stores/redis";

const nodes = (process.env["REDIS_NODES"] ?? "127.0.0.1:7000").split(",").map((node) => {
  const [host = "127.0.0.1", port] = node.split(":");
  return { host, port: Number(port) };
});
const cluster = new Cluster(nodes);
const store = redisStore(cluster);
// A Redis that evicts, or keeps nothing on disk, forgets keys. It says so before the first order comes.
for (const problem of (await store.health()).problems) console.log(`warning: ${problem}`);

/** Stands for your authentication: the account of checked credentials. A stranger has no account. */
const accountOf = ({ headers }: Pick<IncomingMessage, "headers">): string | undefined =>
  headers["x-account"]?.toString();

let made = 0;

async function startServer(): Promise<{ url: string; close: () => Promise<void> }> {
  // A failover of Redis may lose acknowledged claims, so an operation that ended without a word is held, not run again.
  const once = onceFastify({ store, scope: (request) => accountOf(request)!, onUnknown: "hold" });
  const app = fastify();
  app.addHook("onRequest", async (request, reply) => {
    if (accountOf(request) === undefined) await reply.code(401).send();
  });
  app.post("/orders", once, async (request, reply) => {
    made += 1;
    return reply.code(201).send({ order: made, key: request.once.key });
  });
  const url = await app.listen({ port: 0, host: "127.0.0.1" });
  return { url, close: () => app.close() };
}

const servers = await Promise.all([startServer(), startServer()]);
const key = `order-${Date.now()}`;
const order = async (repeat: number): Promise<Response> => {
  const { url } = servers[repeat % servers.length]!;
  for (;;) {
    const response = await fetch(`${url}/orders`, {
      method: "POST",
      headers: { "x-account": "acme", "idempotency-key": key },
    });
    // 409: another server is at it. `retryingFetch` waits as long as the answer says; this asks at once.
    if (response.status !== 409) return response;
    await response.body?.cancel();
  }
};
const answers = await Promise.all(Array.from({ length: 50 }, (_, repeat) => order(repeat)));
const bodies = new Set(await Promise.all(answers.map((answer) => answer.text())));
const replays = answers.filter(({ headers }) => headers.has("idempotent-replayed")).length;
console.log(`${answers.length} answers, ${bodies.size} different: ${[...bodies].join()}`);
console.log(`${replays} from memory; orders made: ${made}`);

await Promise.all(servers.map((server) => server.close()));
cluster.disconnect();
