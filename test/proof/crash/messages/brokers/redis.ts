import { Redis } from "ioredis";
import { consumeRedisStreams } from "../../../../../packages/once-again/src/messaging/inbox/index.ts";
import { publishToRedisStreams } from "../../../../../packages/once-again/src/messaging/outbox/index.ts";
import { redisBinary, startRedis } from "../../../../support/servers/redis.ts";
import type { MessagesBroker } from "../broker.ts";
import { consumerNames, consumers, topics } from "../shop.ts";

/** How many entries are read at a time. */
const pageLimit = 1000;

export const redisBroker: MessagesBroker = {
  name: "redis",
  binary: redisBinary,
  start: () => startRedis(),
  publishing: "xadd",
  acknowledging: "XACK",
  deliversInOrder: false,
  hasLeases: true,
  survivesKills: true,
  async link(url, leaseMs) {
    const client = connect(url);
    return {
      publish: publishToRedisStreams(client),
      consume: (name, inbox, work) =>
        consumeRedisStreams(
          client,
          {
            inbox,
            stream: consumers[name].topic,
            claimIdleMs: leaseMs,
            pollMs: 20,
            concurrency: consumers[name].isOrdered ? 1 : 16,
            onError: () => undefined,
          },
          work,
        ),
      close: async () => client.disconnect(),
    };
  },
  async prepare(url) {
    const client = connect(url);
    for (const name of consumerNames) await client.xgroup("CREATE", consumers[name].topic, name, "0", "MKSTREAM");
    const sum = async (counts: readonly Promise<number>[]): Promise<number> =>
      (await Promise.all(counts)).reduce((all, one) => all + one, 0);
    return {
      waiting: () => sum(consumerNames.map((name) => waitingIn(client, consumers[name].topic))),
      letters: () => sum(topics.map((topic) => client.xlen(`${topic}:dead`))),
      async loseGroup() {
        const { topic } = consumers.billing;
        return (await client.xgroup("DESTROY", topic, "billing").catch(() => 0)) === 1;
      },
      published: async () => (await Promise.all(topics.map((topic) => idsIn(client, topic)))).flat(),
      close: async () => client.disconnect(),
    };
  },
};

function connect(url: string): Redis {
  const client = new Redis(url, { retryStrategy: () => 50, maxRetriesPerRequest: 1 });
  client.on("error", () => undefined);
  return client;
}

/** Those that the one group of a stream was not given, and those that it has not acknowledged. */
async function waitingIn(client: Redis, topic: string): Promise<number> {
  const [group] = (await client.xinfo("GROUPS", topic)) as unknown[][];
  const fact = (name: string): number => Number(group![group!.indexOf(name) + 1]);
  return fact("pending") + fact("lag");
}

async function idsIn(client: Redis, topic: string): Promise<string[]> {
  const ids: string[] = [];
  for (let after = "-"; ;) {
    const entries = await client.xrange(topic, after, "+", "COUNT", pageLimit);
    ids.push(...entries.map(([, fields]) => String(fields[1 + fields.indexOf("id")])));
    if (entries.length < pageLimit) return ids;
    after = `(${entries.at(-1)![0]}`;
  }
}
