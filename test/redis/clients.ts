import { Cluster, Redis } from "ioredis";
import { createClient, createCluster } from "redis";
import { onTestFinished } from "vitest";
import type { RedisClient } from "../../packages/once-again/src/stores/redis/index.ts";

const host = "127.0.0.1";
const retryMs = 20;

/** The clients that users have, for a single node: each call opens a connection for the running test. */
export const singleClients: Readonly<Record<string, (port: number) => RedisClient>> = {
  ioredis: (port) => ioredis(port),
  "ioredis, pipelining by itself": (port) => ioredis(port, true),
  "redis (node-redis)": (port) => {
    const client = createClient({ socket: { host, port, reconnectStrategy: () => retryMs } });
    client.on("error", () => undefined);
    const connected = client.connect();
    onTestFinished(async () => {
      await connected;
      client.destroy();
    });
    return client;
  },
};

function ioredis(port: number, enableAutoPipelining = false): Redis {
  const client = new Redis({ host, port, enableAutoPipelining, retryStrategy: () => retryMs });
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
export function admin(port: number): Redis {
  return ioredis(port);
}
