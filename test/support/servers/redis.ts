import { execFile } from "node:child_process";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { findBinary, type ServerBinary } from "./binary.ts";
import { serverFolder } from "./server-folder.ts";
import { type PrivateServer, startServer } from "./private-server.ts";
import { serverPort } from "./server-port.ts";
import { removed, startTogether } from "./start-together.ts";

export const redisBinary: ServerBinary = { name: "redis-server", install: "apt-get install -y redis-server" };
export const valkeyBinary: ServerBinary = { name: "valkey-server", install: "apt-get install -y valkey-server" };

/** The options of a private Redis. */
export interface RedisOptions {
  /** Default Redis. */
  readonly binary?: ServerBinary;
  /** Default any port that is free. */
  readonly port?: number;
  /** Settings as in redis.conf. */
  readonly settings?: Readonly<Record<string, string>>;
  /** The folder that its own is made in; default that for temporary files. */
  readonly within?: string | undefined;
}

/** Every acknowledged write is on disk, and no record is evicted. */
const sound = { save: "", appendonly: "yes", appendfsync: "always", "maxmemory-policy": "noeviction" };

/**
 * Starts a Redis (or Valkey) without a password, which listens on 127.0.0.1.
 *
 * @throws Error when the machine has none (see `describeWithServer`), or it does not start.
 */
export async function startRedis(options: RedisOptions = {}): Promise<PrivateServer> {
  const { binary = redisBinary, port = await serverPort(), settings = {}, within } = options;
  const folder = serverFolder(binary.name, undefined, within);
  const given = { bind: "127.0.0.1", port: String(port), dir: folder, ...sound, ...settings };
  return startServer({
    command: commandOf(binary),
    args: Object.entries(given).flatMap(([name, value]) => [`--${name}`, value]),
    port,
    url: `redis://127.0.0.1:${port}`,
    folder,
    ready: /Ready to accept connections/,
  });
}

/** Some masters, and a replica of each. */
export interface RedisCluster extends AsyncDisposable {
  readonly nodes: readonly PrivateServer[];
}

/** How long a node may be silent before the others count it as failed, milliseconds. */
const nodeTimeoutMs = 1000;

/**
 * Starts a cluster of 3 masters and 3 replicas.
 *
 * @param settingsOf more settings of a node, by its number from 0 and its port.
 */
export async function startRedisCluster(
  settingsOf: (node: number, port: number) => Promise<Readonly<Record<string, string>>> = async () => ({}),
): Promise<RedisCluster> {
  const nodes = await startTogether(
    Array.from({ length: 6 }, async (_, node) => {
      const port = await serverPort();
      const settings = {
        "cluster-enabled": "yes",
        "cluster-port": String(await serverPort()),
        "cluster-node-timeout": String(nodeTimeoutMs),
        "repl-diskless-sync-delay": "0",
        ...(await settingsOf(node, port)),
      };
      return startRedis({ port, settings });
    }),
  );
  try {
    const cli = join(dirname(commandOf(redisBinary)), "redis-cli");
    const addresses = nodes.map(({ port }) => `127.0.0.1:${port}`);
    await promisify(execFile)(cli, ["--cluster", "create", ...addresses, "--cluster-replicas", "1", "--cluster-yes"]);
    return { nodes, [Symbol.asyncDispose]: () => removed(nodes) };
  } catch (error) {
    await removed(nodes);
    throw error;
  }
}

function commandOf(binary: ServerBinary): string {
  const command = findBinary(binary);
  if (command === undefined) throw new Error(`There is no ${binary.name} on this machine: ${binary.install}`);
  return command;
}
