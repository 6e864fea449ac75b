import { fileURLToPath } from "node:url";
import type { Store } from "once-again/stores";
import { openMariadb, openMariadbOutbox } from "./stores/mariadb.ts";
import { openNats } from "./stores/nats.ts";
import type { OpenOutbox } from "./stores/open-outbox.ts";
import { openPostgres, openPostgresOutbox } from "./stores/postgres.ts";
import { openRedis } from "./stores/redis.ts";
import { makeSqlite, openSqlite, openSqliteOutbox } from "./stores/sqlite.ts";
import type { StoreUse } from "./stores/store-use.ts";

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
};

const outboxSchemes: Schemes<OpenOutbox> = {
  "postgres:": openPostgresOutbox,
  "postgresql:": openPostgresOutbox,
  "mysql:": openMariadbOutbox,
  "mariadb:": openMariadbOutbox,
};

/** What a store may be, for help texts. */
export const storeForms =
  "a SQLite file, or a URL: sqlite:PATH, postgres:// or mysql:// (…?tablePrefix=shop_), redis:// or valkey:// " +
  "(…?prefix=shop:, …?cluster), nats://HOST/BUCKET";

/** What an outbox may be in, for help texts. */
export const outboxForms =
  "a SQLite file, or a URL: sqlite:PATH, postgres:// or mysql:// (…?tablePrefix=shop_ where the servers have one)";

/**
 * Opens an existing store; `close` of what it returns ends the connection too.
 *
 * @param location a URL, or the path of a SQLite file.
 * @throws Error that says what is wrong. It never has the location in it if that is a URL, which may hold a password.
 */
export async function storeFromUrl(location: string): Promise<Store> {
  const path = sqlitePath(location);
  return path === undefined ? openUrl("store", location, storeSchemes, storeForms, "command") : openSqlite(path);
}

/** Opens a store for a server: with connections for many keys at a time, which come back. A SQLite file is made. */
export async function serverStoreFromUrl(location: string): Promise<Store> {
  const path = sqlitePath(location);
  return path === undefined ? openUrl("store", location, storeSchemes, storeForms, "server") : makeSqlite(path, false);
}

/** Opens an existing outbox, as `storeFromUrl` opens a store. */
export async function outboxFromUrl(location: string): Promise<OpenOutbox> {
  const path = sqlitePath(location);
  return path === undefined
    ? openUrl("outbox", location, outboxSchemes, outboxForms, "command")
    : openSqliteOutbox(path);
}

async function openUrl<Opened>(
  what: "store" | "outbox",
  location: string,
  schemes: Schemes<Opened>,
  forms: string,
  use: StoreUse,
): Promise<Opened> {
  const url = URL.parse(location);
  if (url === null) throw new Error(`The URL of the ${what} can't be read. It must be ${forms}.`);
  const open = schemes[url.protocol];
  if (open === undefined) throw new Error(`There is no ${what} for ${url.protocol}// URLs. It must be ${forms}.`);
  return open(url, use);
}

/** The path of the SQLite file that a location names: `keys.db`, `sqlite:keys.db`, `file:///srv/keys.db`. */
export function sqlitePath(location: string): string | undefined {
  if (location.startsWith("sqlite:")) return location.slice("sqlite:".length).replace(/^\/\//, "");
  if (location.startsWith("file://")) return fileURLToPath(location);
  return /^[a-z][a-z0-9+.-]+:\/\//i.test(location) ? undefined : location;
}
