import { OnceAgainError } from "./errors.ts";

/** The methods that identify a kind of object, and the advice for one that has all of them. The first match wins. */
const adviceByMethods: readonly (readonly [methods: readonly string[], advice: string])[] = [
  [["then"], "a Promise: await it"],
  [["claim"], "a store of once-again already: give it as the option `store`"],
  [
    ["unsafe", "transaction"],
    "the sql of neon(), which runs each statement for itself: take the Pool of @neondatabase/serverless, postgresStore(pool)",
  ],
  [
    ["$queryRawUnsafe"],
    "a PrismaClient: give a Pool of pg, and `prisma` beside it, postgresStore(pool, { transactions: prismaTransactions(prisma) })",
  ],
  [["unsafe"], "the sql of postgres: wrap it, postgresStore(sql)"],
  [
    ["promise"],
    "a pool or connection of mysql2 with callbacks: take a pool of mysql2/promise, mariadbStore(pool.promise())",
  ],
  [
    ["getConnection", "activeConnections"],
    "a pool of the package mariadb: take a pool of mysql2/promise, mariadbStore(pool)",
  ],
  [["getConnection"], "a pool of mysql2: wrap it, mariadbStore(pool)"],
  [["beginTransaction", "importFile"], "one connection of the package mariadb: take a pool of mysql2/promise"],
  [["beginTransaction"], "one connection of mysql2: wrap a pool, mariadbStore(pool)"],
  [["callBuffer"], "a client of Redis: wrap it, redisStore(client)"],
  [["withTypeMapping"], "a client of Redis: wrap it, redisStore(client)"],
  [
    ["createScript"],
    "a client of @upstash/redis, which changes what it reads: give its address and token, redisStore(upstash({ url, token })), or " +
      "take a client of ioredis or redis with the rediss:// address",
  ],
  [["invokeScript"], "a client of Valkey GLIDE: take a client of ioredis or redis, redisStore(client)"],
  [["defineCommand"], "a stand-in for a client of ioredis: take one of ioredis, or memoryStore() in tests"],
  [
    ["execProtocol"],
    "a PGlite, which is one connection: take a Pool of pg on a server; in tests wrap it, postgresStore(pglitePool(pglite)) of @once-again/testing",
  ],
  [
    ["executeMultiple"],
    "a client of libSQL: sqliteStore(client) takes one on a file of this machine, everything else its path, { path }; remote databases are not supported",
  ],
  [
    ["getWithMetadata"],
    "a KV namespace of Cloudflare, which can't put what is not there yet, so that two copies of a request would both run: take " +
      "durableObjectStore(env.ONCE) or d1Store(env.DB)",
  ],
  [
    ["createMultipartUpload"],
    "a bucket of Cloudflare R2: take durableObjectStore(env.ONCE) or d1Store(env.DB) of once-again/cloudflare",
  ],
  [["idFromName"], "a binding of Durable Objects: wrap it, durableObjectStore(env.ONCE)"],
  [
    ["getBookmark", "batch"],
    "a session of a D1 database, which may read a replica that is behind: wrap the database itself, d1Store(env.DB)",
  ],
  [["prepare", "batch"], "a D1 database: wrap it, d1Store(env.DB)"],
  [["query"], "a client of pg: wrap its Pool, postgresStore(pool)"],
  [["prepare"], "a database of node:sqlite: give its file, sqliteStore({ path })"],
  [
    ["send", "destroy"],
    "a client of the SDK of AWS: give a DynamoDBClient to dynamodbStore and dynamodbOutbox of once-again/stores/dynamodb",
  ],
  [
    ["request", "destroy"],
    "a client of dynamodbClient(): give it to dynamodbStore and dynamodbOutbox of once-again/stores/dynamodb/without-sdk",
  ],
  [["history"], "a bucket of NATS: wrap it, await natsStore(kv)"],
  [["jetstream"], "a connection of NATS: wrap a bucket of it, await natsStore(kv)"],
  [["requestMany"], "a connection of NATS: wrap a bucket of it, await natsStore(kv)"],
];

/** Whether something has a method of this name. */
export function hasMethod(given: unknown, method: string): boolean {
  if ((typeof given !== "object" && typeof given !== "function") || given === null) return false;
  return typeof (given as Record<string, unknown>)[method] === "function";
}

/** The error for what is no such store, pool or client: it says what it is, and what to do with it. */
export function wrongClientError(name: string, expected: string, given: unknown): OnceAgainError {
  const description = adviceFor(given) ?? kindOf(given);
  return new OnceAgainError("ONCE_OPTION_INVALID", `${name} must be ${expected}, but it is ${description}.`, {
    details: { option: name },
  });
}

/**
 * @throws OnceAgainError `ONCE_OPTION_INVALID` for what is no object, and for a client or a pool, in the place of options.
 */
export function checkNoClient(name: string, expected: string, given: unknown): void {
  if (typeof given !== "object" || adviceFor(given) !== undefined) throw wrongClientError(name, expected, given);
}

function adviceFor(given: unknown): string | undefined {
  return adviceByMethods.find(([methods]) => methods.every((method) => hasMethod(given, method)))?.[1];
}

function kindOf(given: unknown): string {
  if (given === null) return "null";
  if (typeof given === "string") return "a text";
  if (Array.isArray(given)) return "a list";
  // A store's maker in the place of the store.
  if (typeof given === "function")
    return `a function: give what it returns, ${given.name === "" ? "by a call" : `${given.name}(…)`}`;
  return typeof given;
}
