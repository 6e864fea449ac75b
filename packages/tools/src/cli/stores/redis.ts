import type {
  IoredisClient,
  IoredisCluster,
  NodeRedisClient,
  NodeRedisCluster,
  RedisClient,
} from "once-again/stores/redis";
import type { Store } from "once-again/stores";
import { loadDriver } from "./driver.ts";
import { takeParameter } from "./parameters.ts";

interface Emitter {
  on(event: "error" | "end", listener: (error: unknown) => void): unknown;
}

interface IoredisConnection extends Emitter {
  connect(): Promise<unknown>;
  disconnect(): void;
}

/** What we use of `ioredis`. */
interface Ioredis {
  Redis: new (url: string, options: object) => IoredisClient & IoredisConnection;
  Cluster: new (nodes: { host: string; port: number }[], options: object) => IoredisCluster & IoredisConnection;
}

interface NodeRedisConnection extends Emitter {
  connect(): Promise<unknown>;
  destroy(): void;
}

/** What we use of `redis` (node-redis). */
interface NodeRedis {
  createClient(options: object): NodeRedisClient & NodeRedisConnection;
  createCluster(options: object): NodeRedisCluster & NodeRedisConnection;
}

interface Opened {
  readonly client: RedisClient;
  readonly close: () => void;
}

/** How long the server may take to accept a connection, milliseconds. */
const connectMsMax = 10_000;

/** Opens the store in a Redis or Valkey: `redis://…`, `rediss://…`, `?cluster` for a cluster, `?prefix=shop:`. */
export async function openRedis(url: URL): Promise<Store> {
  const prefix = takeParameter(url, "prefix");
  const isCluster = (takeParameter(url, "cluster") ?? "false") !== "false";
  url.href = url.href.replace(/^valkey/, "redis");
  const { name, module } = loadDriver("Redis", ["ioredis", "redis"]);
  const { client, close } =
    name === "ioredis"
      ? await openIoredis(module as Ioredis, url, isCluster)
      : await openNodeRedis(module as NodeRedis, url, isCluster);
  const { redisStore } = await import("once-again/stores/redis");
  return { ...redisStore(client, prefix === undefined ? {} : { prefix }), close: async () => close() };
}

async function openIoredis({ Redis, Cluster }: Ioredis, url: URL, isCluster: boolean): Promise<Opened> {
  const given = { lazyConnect: true, connectTimeout: connectMsMax, maxRetriesPerRequest: 1 };
  const client = isCluster
    ? new Cluster([{ host: url.hostname, port: Number(url.port || defaultPort) }], {
        lazyConnect: true,
        clusterRetryStrategy: () => null,
        redisOptions: { ...credentials(url), ...(url.protocol === "rediss:" && { tls: {} }), ...given },
      })
    : new Redis(url.href, { ...given, retryStrategy: () => null });
  return connected(client, () => client.disconnect());
}

async function openNodeRedis(redis: NodeRedis, url: URL, isCluster: boolean): Promise<Opened> {
  const socket = { connectTimeout: connectMsMax, reconnectStrategy: false };
  const client = isCluster
    ? redis.createCluster({ rootNodes: [{ url: url.href }], defaults: { ...credentials(url), socket } })
    : redis.createClient({ url: url.href, socket });
  return connected(client, () => client.destroy());
}

const defaultPort = 6379;

function credentials(url: URL): { username?: string; password?: string } {
  return {
    ...(url.username !== "" && { username: decodeURIComponent(url.username) }),
    ...(url.password !== "" && { password: decodeURIComponent(url.password) }),
  };
}

async function connected<Client extends RedisClient & Emitter & { connect(): Promise<unknown> }>(
  client: Client,
  close: () => void,
): Promise<Opened> {
  const failed = Promise.withResolvers<never>();
  // The client says here why it can't connect. `connect` itself may only say that it is closed, or nothing at all.
  let reason: unknown;
  client.on("error", (error) => (reason = error));
  client.on("end", () => failed.reject(new Error("The connection ended: is the server, or its cluster, up?")));
  failed.promise.catch(() => undefined);
  try {
    await Promise.race([client.connect(), failed.promise]);
  } catch (error) {
    throw reason ?? error;
  }
  return { client, close };
}
