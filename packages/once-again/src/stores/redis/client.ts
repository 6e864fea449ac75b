import { builtinModule } from "../../core/builtin-module.ts";
import { hasMethod, wrongClientError } from "../../core/duck-typing.ts";
import { outliveBrokenConnection } from "../../core/outlive-broken-connection.ts";
import { hashScript, replaceScript, type Script } from "./scripts.ts";
import type { SilenceWatch } from "./silence-watch.ts";

/** A command and its arguments. */
export type RedisCommand = [name: string, ...rest: (string | Buffer)[]];

/** The part of a `Redis` of `ioredis` that we use. */
export interface IoredisClient {
  readonly status?: string;
  readonly options?: { readonly keyPrefix?: string | Buffer | undefined };
  disconnect?(reconnect: boolean): void;
  callBuffer(command: string, ...rest: (string | Buffer)[]): Promise<unknown>;
}

/** The part of a `Cluster` of `ioredis` that we use. */
export interface IoredisCluster extends IoredisClient {
  nodes(role: "master"): readonly IoredisClient[];
}

/** The part of a client of `redis` (node-redis) that we use, or of a pool of them, which has no `isReady`. */
export interface NodeRedisClient {
  readonly isReady?: boolean;
  destroy?(): void;
  connect?(): Promise<unknown>;
  withTypeMapping(mapping: typeof bytesForText): {
    sendCommand(command: (string | Buffer)[], options?: typeof noTimeout): Promise<unknown>;
  };
}

/** The part of a cluster of `redis` (node-redis) that we use. */
export interface NodeRedisCluster {
  readonly masters: readonly { readonly client?: { readonly isReady?: boolean } }[];
  nodeClient(node: object): NodeRedisClient | Promise<NodeRedisClient>;
  withTypeMapping(mapping: typeof bytesForText): {
    sendCommand(
      firstKey: string,
      isReadonly: boolean,
      command: (string | Buffer)[],
      options?: typeof noTimeout,
    ): Promise<unknown>;
  };
}

/** Your own connection to Redis or Valkey: of `ioredis`, or of `redis`; a single node, or a cluster. */
export type RedisClient = IoredisClient | IoredisCluster | NodeRedisClient | NodeRedisCluster;

/** Sends one command; texts in its answer are `Buffer`s, numbers are numbers. */
type Send = (command: RedisCommand) => Promise<unknown>;

/** The same for every client. */
export interface RedisConnection {
  /** The prefix that the client itself puts before the key of a command, but not before the keys in an answer. */
  readonly keyPrefix: string;
  /** Sends a command about one key to the master that has it. */
  send(key: string, command: RedisCommand): Promise<unknown>;
  /** A sender for each master. Rejects when no master is known. */
  masters(): Promise<readonly Send[]>;
  /** Gives up a connection that seems to be in order and is silent, and makes another. Not for clusters and pools. */
  readonly renew: () => void;
}

/** node-redis: give texts ("$" of the protocol, 36 in ASCII) as bytes. */
const bytesForText = { 36: Buffer } as const;

/**
 * node-redis bounds how long a command waits to be written, by an abort signal for each. A command on a
 * connection that is ready is written at once, and the signal would cost more than all the rest of it.
 */
const noTimeout = { timeout: 0 };

/** @throws OnceAgainError `ONCE_OPTION_INVALID` for what is no such client. */
export function redisConnection(client: RedisClient): RedisConnection {
  if (hasMethod(client, "callBuffer")) return fromIoredis(client as IoredisClient | IoredisCluster);
  if (hasMethod(client, "withTypeMapping")) {
    // One of `ioredis` goes on without a listener.
    outliveBrokenConnection(client);
    return fromNodeRedis(client as NodeRedisClient | NodeRedisCluster);
  }
  throw wrongClientError("client", "a client or cluster of ioredis or redis, such as new Redis(url)", client);
}

/** More of a `Redis` of `ioredis`: a method for each command, which its types leave out. */
type CommandMethods = Partial<Record<string, (...rest: (string | Buffer)[]) => Promise<unknown>>>;

/**
 * Where enableAutoPipelining is on, callBuffer loses the command's name (ioredis 5 and 6), and the methods do not. They are
 * named once: a name that is put together for each command costs more than its call.
 */
const methodNames: Readonly<Record<string, string>> = Object.fromEntries(
  ["SET", "EVALSHA", "EVAL", "SCAN", "INFO", "PING"].map((name) => [name, `${name.toLowerCase()}Buffer`]),
);

function ioredisSender(node: IoredisClient): Send {
  const methods = node as unknown as CommandMethods;
  return ([name, ...rest]) => {
    const method = methods[methodNames[name] ?? ""];
    return method === undefined ? node.callBuffer(name, ...rest) : method.apply(node, rest);
  };
}

function fromIoredis(client: IoredisClient | IoredisCluster): RedisConnection {
  const send = ioredisSender(client);
  return {
    keyPrefix: String(client.options?.keyPrefix ?? ""),
    send: (_key, command) => send(command),
    async masters() {
      if (!("nodes" in client)) return [send];
      // A cluster knows no node before it is connected, and a command waits for that.
      if (client.nodes("master").length === 0) await send(["PING"]);
      return requireMasters(client.nodes("master")).map(ioredisSender);
    },
    renew() {
      if (!("nodes" in client) && client.status === "ready") client.disconnect?.(true);
    },
  };
}

/** @throws Error when there is no master: "no answers" would read as "all is well". */
function requireMasters<Node>(masters: readonly Node[]): readonly Node[] {
  if (masters.length > 0) return masters;
  throw new Error("No master of the Redis Cluster is known: it is not connected, or can't be reached.");
}

function fromNodeRedis(client: NodeRedisClient | NodeRedisCluster): RedisConnection {
  const senderOf = (node: NodeRedisClient): Send => {
    const typed = node.withTypeMapping(bytesForText);
    return (command) => typed.sendCommand(command, node.isReady === true ? noTimeout : undefined);
  };
  if (!("masters" in client)) {
    const send = senderOf(client);
    return {
      keyPrefix: "",
      send: (_key, command) => send(command),
      masters: async () => [send],
      renew() {
        if (client.isReady !== true || client.destroy === undefined || client.connect === undefined) return;
        client.destroy();
        // The client reports to its own listeners why it can't connect.
        client.connect().catch(() => undefined);
      },
    };
  }
  const typed = client.withTypeMapping(bytesForText);
  // Only one of them gets the command, but which is not ours to know.
  const isReady = (): boolean => client.masters.every((node) => node.client?.isReady === true);
  return {
    keyPrefix: "",
    // Not read-only: a replica must never answer.
    send: (key, command) => typed.sendCommand(key, false, command, isReady() ? noTimeout : undefined),
    masters: () =>
      Promise.all(requireMasters(client.masters).map(async (node) => senderOf(await client.nodeClient(node)))),
    renew: () => undefined,
  };
}

/** The arguments of a command, after its name. */
export type Argument = string | Buffer;

/** The commands that a store sends about one key. */
export interface RecordCommands {
  /** Sets a key that is not there, to last so long. Its reply is what was there before, `null` where there was nothing. */
  setAbsent(key: string, text: string, lifeMs: number): Promise<Buffer | null>;
  /** Sets a key that holds this text, to last so long. `false`: it holds another, or none. */
  replace(key: string, before: string, after: Argument, lifeMs: number): Promise<boolean>;
  run(script: Script, key: string, ...rest: Argument[]): Promise<unknown>;
}

export function recordCommands(connection: RedisConnection, watch: SilenceWatch): RecordCommands {
  const send = async (key: string, command: RedisCommand): Promise<unknown> => {
    watch.countCommand();
    try {
      return await connection.send(key, command);
    } finally {
      watch.countReply();
    }
  };
  const run = (script: Script, key: string, ...rest: Argument[]): Promise<unknown> => {
    const { hash, text } = script;
    if (hash === undefined) return hashScript(script).then(() => run(script, key, ...rest));
    return send(key, ["EVALSHA", hash, "1", key, ...rest]).catch((error: unknown) => {
      // The server was restarted, promoted, or never had it.
      if (!String(error).includes("NOSCRIPT")) throw error;
      return send(key, ["EVAL", text, "1", key, ...rest]);
    });
  };
  // Redis 8.4 and Valkey 8.1 compare by themselves. Which a server is, it says when it is asked to.
  let comparesItself = true;
  return {
    setAbsent: (key, text, lifeMs) =>
      send(key, ["SET", key, text, "NX", "GET", "PX", String(lifeMs)]) as Promise<Buffer | null>,
    replace(key, before, after, lifeMs) {
      const byScript = (): Promise<boolean> => run(replaceScript, key, before, after, String(lifeMs)).then(isSet);
      if (!comparesItself) return byScript();
      return send(key, ["SET", key, after, "IFEQ", before, "PX", String(lifeMs)]).then(isSet, (error: unknown) => {
        if (!String(error).includes("syntax error")) throw error;
        comparesItself = false;
        return byScript();
      });
    },
    run,
  };
}

/** Redis answers a SET that its condition held back with nothing. */
const isSet = (reply: unknown): boolean => reply !== null;

const isUtf8 = builtinModule("node:buffer")?.isUtf8 ?? isDecodable;

function isDecodable(bytes: Uint8Array): boolean {
  try {
    new TextDecoder("utf-8", { fatal: true }).decode(bytes);
    return true;
  } catch {
    return false;
  }
}

/** Bytes that are a text, as nearly all results are, go as one: clients send a command of texts alone in one piece. */
export function argumentOf(value: Uint8Array): Argument {
  const bytes = Buffer.from(value.buffer, value.byteOffset, value.byteLength);
  return isUtf8(bytes) ? bytes.toString() : bytes;
}
