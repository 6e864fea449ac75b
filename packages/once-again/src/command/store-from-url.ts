import type { Store } from "../stores/index.ts";
import { openDynamodb, openDynamodbOutbox } from "./stores/dynamodb.ts";
import { openMariadb, openMariadbOutbox } from "./stores/mariadb.ts";
import { openNats } from "./stores/nats.ts";
import type { OpenOutbox } from "./stores/open-outbox.ts";
import { openPostgres, openPostgresOutbox } from "./stores/postgres.ts";
import { openRedis } from "./stores/redis.ts";
import { makeSqlite, openSqlite, openSqliteOutbox } from "./stores/sqlite.ts";
import type { StoreUse } from "./stores/store-use.ts";
import { readStoreLocation } from "./store-location.ts";

export { makeDrySqliteOutbox, makeSqlite, makeSqliteOutbox } from "./stores/sqlite.ts";

/** How each kind of URL is opened. A driver is loaded only when its URL is asked for. */
type Schemes<Opened> = Readonly<Record<string, (url: URL, use: StoreUse) => Promise<Opened>>>;

const storeSchemes: Schemes<Store> = {
  "postgres:": openPostgres,
  "postgresql:": openPostgres,
  "mysql:": openMariadb,
  "mariadb:": openMariadb,
  "redis:": openRedis,
  "rediss:": openRedis,
  "valkey:": openRedis,
  "valkeys:": openRedis,
  "nats:": openNats,
  "dynamodb:": openDynamodb,
};

const outboxSchemes: Schemes<OpenOutbox> = {
  "postgres:": openPostgresOutbox,
  "postgresql:": openPostgresOutbox,
  "mysql:": openMariadbOutbox,
  "mariadb:": openMariadbOutbox,
  "dynamodb:": openDynamodbOutbox,
};

/**
 * Opens an existing store; `close` of what it returns ends the connection too.
 *
 * @param location see `readStoreLocation`.
 * @throws Error that says what is wrong. It never has the location in it if that is a URL, which may hold a password.
 */
export async function storeFromUrl(location: string): Promise<Store> {
  const read = readStoreLocation(location);
  return read.kind === "sqlite" ? openSqlite(read.path) : storeSchemes[read.url.protocol]!(read.url, "command");
}

/** Opens a store for a server: with connections for many keys at a time, which come back. A SQLite file is made. */
export async function serverStoreFromUrl(location: string): Promise<Store> {
  const read = readStoreLocation(location);
  return read.kind === "sqlite" ? makeSqlite(read.path, false) : storeSchemes[read.url.protocol]!(read.url, "server");
}

/** Opens an existing outbox, as `storeFromUrl` opens a store. */
export async function outboxFromUrl(location: string): Promise<OpenOutbox> {
  const read = readStoreLocation(location, "outbox");
  return read.kind === "sqlite" ? openSqliteOutbox(read.path) : outboxSchemes[read.url.protocol]!(read.url, "command");
}

/** The path of the SQLite file that a location names. @throws Error for a location that can't be meant. */
export function sqlitePath(location: string): string | undefined {
  const read = readStoreLocation(location);
  return read.kind === "sqlite" ? read.path : undefined;
}
