import type { Drivers, StoreUse } from "../kit.ts";
import { reconnectMs, takeParameter } from "../opening.ts";
import type { Store } from "../store.ts";
import type { IoredisClient, IoredisCluster, NodeRedisClient, NodeRedisCluster, RedisClient } from "./client.ts";

interface Emitter {
  on(event: "error" | "end", listener: (error: unknown) => void): unknown;
}

interface IoredisConnection extends Emitter {
  connect(): Promise<unknown>;
  disconnect(): void;
}

/** The part of `ioredis` that we use. */
interface Ioredis {
  Redis: new (url: string, options: object) => IoredisClient & IoredisConnection;
  Cluster: new (nodes: { host: string; port: number }[], options: object) => IoredisCluster & IoredisConnection;
}

interface NodeRedisConnection extends Emitter {
  connect(): Promise<unknown>;
  destroy(): void;
}

/** The part of `redis` (node-redis) that we use. */
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
export async function openRedis(url: URL, use: StoreUse, drivers: Drivers): Promise<Store> {
  const prefix = takeParameter(url, "prefix");
  const { client, close } = await connectRedis(url, use, drivers);
  const { redisStore } = await import("./index.ts");
  return { ...redisStore(client, prefix === undefined ? {} : { prefix }), close: async () => close() };
}

/** Connects a client of ioredis or node-redis, the one that is installed. */
export async function connectRedis(url: URL, use: StoreUse, drivers: Drivers): Promise<Opened> {
  const isCluster = (takeParameter(url, "cluster") ?? "false") !== "false";
  url.href = url.href.replace(/^valkey/, "redis");
  const { name, module } = drivers.one("Redis", ["ioredis", "redis"]);
  return name === "ioredis"
    ? openIoredis(module as Ioredis, url, isCluster, use)
    : openNodeRedis(module as NodeRedis, url, isCluster, use);
}

async function openIoredis({ Redis, Cluster }: Ioredis, url: URL, isCluster: boolean, use: StoreUse): Promise<Opened> {
  const given = { lazyConnect: true, connectTimeout: connectMsMax, maxRetriesPerRequest: 1 };
  const reconnects = reconnection(use);
  const retryStrategy = (attempt: number): number | null => (reconnects.isUp ? reconnectMs(attempt) : null);
  const client = isCluster
    ? new Cluster([{ host: url.hostname, port: Number(url.port || defaultPort) }], {
        lazyConnect: true,
        clusterRetryStrategy: retryStrategy,
        redisOptions: {
          ...credentials(url),
          ...(url.protocol === "rediss:" && { tls: {} }),
          ...given,
          ...silence[use],
        },
      })
    : // Commands of one turn go out in one packet: a server has many under way.
      new Redis(url.href, { ...given, retryStrategy, enableAutoPipelining: use === "server" });
  return connected(client, reconnects, () => client.disconnect());
}

async function openNodeRedis(redis: NodeRedis, url: URL, isCluster: boolean, use: StoreUse): Promise<Opened> {
  const reconnects = reconnection(use);
  const reconnectStrategy = (attempt: number): number | false => (reconnects.isUp ? reconnectMs(attempt + 1) : false);
  const socket = { connectTimeout: connectMsMax, reconnectStrategy };
  const client = isCluster
    ? redis.createCluster({ rootNodes: [{ url: url.href }], defaults: { ...credentials(url), socket } })
    : redis.createClient({ url: url.href, socket, disableOfflineQueue: true });
  return connected(client, reconnects, () => client.destroy());
}

/** A connection that was never up is not tried again: its URL is wrong, or its server is not there. */
const reconnection = (use: StoreUse): { isUp: boolean; readonly use: StoreUse } => ({ isUp: false, use });

/** A node of a cluster that is silent for longer has gone, milliseconds; the store sees to a single server itself. */
const silence: Readonly<Record<StoreUse, object>> = { command: {}, server: { socketTimeout: 6000 } };

const defaultPort = 6379;

function credentials(url: URL): { username?: string; password?: string } {
  return {
    ...(url.username !== "" && { username: decodeURIComponent(url.username) }),
    ...(url.password !== "" && { password: decodeURIComponent(url.password) }),
  };
}

async function connected<Client extends RedisClient & Emitter & { connect(): Promise<unknown> }>(
  client: Client,
  reconnects: { isUp: boolean; readonly use: StoreUse },
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
  reconnects.isUp = reconnects.use === "server";
  return { client, close };
}
