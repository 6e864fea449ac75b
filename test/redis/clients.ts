import { Cluster, Redis } from "ioredis";
import { createClient, createCluster } from "redis";
import { onTestFinished } from "vitest";
import type { RedisClient } from "../../packages/once-again/src/stores/redis/client.ts";
import { waitMsMax } from "../support/wait-ms-max.ts";

const host = "127.0.0.1";
const retryMs = 20;

/** The clients that users have, for a single node: each call opens a connection for the running test. */
export const singleClients: Readonly<Record<string, (port: number) => RedisClient>> = {
  ioredis: (port) => ioredis(port),
  "ioredis, pipelining by itself": (port) => ioredis(port, { enableAutoPipelining: true }),
  "redis (node-redis)": (port) => nodeRedis(port, 3),
};

/** All of them, and some that only differ in how they speak. */
export const allSingleClients: typeof singleClients = {
  ...singleClients,
  "ioredis, in RESP2, with numbers as texts": (port) => ioredis(port, { protocol: 2, stringNumbers: true }),
  "redis (node-redis), in RESP2": (port) => nodeRedis(port, 2),
};

function nodeRedis(port: number, RESP: 2 | 3): RedisClient {
  const client = createClient({
    RESP,
    socket: { host, port, reconnectStrategy: () => retryMs },
    // Otherwise 5 s, which a busy machine takes for thousands at a time.
    commandOptions: { timeout: waitMsMax },
  });
  client.on("error", () => undefined);
  const connected = client.connect();
  onTestFinished(async () => {
    await connected;
    client.destroy();
  });
  return client;
}

/** The options of an ioredis that a test may choose. */
type IoredisOptions = Readonly<{
  enableAutoPipelining?: boolean;
  keyPrefix?: string;
  protocol?: 2;
  stringNumbers?: boolean;
}>;

function ioredis(port: number, options: IoredisOptions = {}): Redis {
  const client = new Redis({ host, port, retryStrategy: () => retryMs, ...options });
  client.on("error", () => undefined);
  onTestFinished(() => client.disconnect());
  return client;
}

/** A connection that is closed by hand. */
interface OpenClient {
  readonly client: RedisClient;
  close(): void;
}

/** The same for a cluster. */
export const clusterClients: Readonly<Record<string, (ports: readonly number[]) => Promise<OpenClient>>> = {
  ioredis: async (ports) => {
    const client = new Cluster(ports.map((port) => ({ host, port })));
    client.on("error", () => undefined);
    return { client, close: () => client.disconnect() };
  },
  "redis (node-redis)": async (ports) => {
    const client = createCluster({ rootNodes: ports.map((port) => ({ url: `redis://${host}:${port}` })) });
    client.on("error", () => undefined);
    await client.connect();
    return { client, close: () => client.destroy() };
  },
};

/** A plain connection, to ask the server itself. */
export function admin(port: number, options: IoredisOptions = {}): Redis {
  return ioredis(port, options);
}
