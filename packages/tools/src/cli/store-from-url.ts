import { fileURLToPath } from "node:url";
import type { Store } from "once-again/stores";
import { openMariadb } from "./stores/mariadb.ts";
import { openNats } from "./stores/nats.ts";
import { openPostgres } from "./stores/postgres.ts";
import { openRedis } from "./stores/redis.ts";
import { openSqlite } from "./stores/sqlite.ts";

export { makeSqlite } from "./stores/sqlite.ts";

/** How each kind of URL is opened. A driver is loaded only when its URL is asked for. */
const schemes: Readonly<Record<string, (url: URL) => Promise<Store>>> = {
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

/** What a store may be, for help texts. */
export const storeForms =
  "a SQLite file, or a URL: sqlite:PATH, postgres:// or mysql:// (…?tablePrefix=shop_), redis:// or valkey:// " +
  "(…?prefix=shop:, …?cluster), nats://HOST/BUCKET";

/**
 * Opens an existing store; `close` of what it returns ends the connection too.
 *
 * @param location a URL, or the path of a SQLite file.
 * @throws Error that says what is wrong. It never has the location in it if that is a URL, which may hold a password.
 */
export async function storeFromUrl(location: string): Promise<Store> {
  const path = sqlitePath(location);
  if (path !== undefined) return openSqlite(path);
  const url = URL.parse(location);
  if (url === null) throw new Error(`The URL of the store can't be read. It must be ${storeForms}.`);
  const open = schemes[url.protocol];
  if (open === undefined) throw new Error(`There is no store for ${url.protocol}// URLs. It must be ${storeForms}.`);
  return open(url);
}

/** The path of the SQLite file that a location names: `keys.db`, `sqlite:keys.db`, `file:///srv/keys.db`. */
export function sqlitePath(location: string): string | undefined {
  if (location.startsWith("sqlite:")) return location.slice("sqlite:".length).replace(/^\/\//, "");
  if (location.startsWith("file://")) return fileURLToPath(location);
  return /^[a-z][a-z0-9+.-]+:\/\//i.test(location) ? undefined : location;
}
