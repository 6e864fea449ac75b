import type { Store } from "../stores/store.ts";
import { openMysql } from "./stores/mysql.ts";
import { openNats } from "./stores/nats.ts";
import { openPostgres } from "./stores/postgres.ts";
import { openRedis } from "./stores/redis.ts";
import { openSqlite } from "./stores/sqlite.ts";

/** How each kind of URL is opened. A driver is loaded only when its URL is asked for. */
const schemes: Readonly<Record<string, (url: URL) => Promise<Store>>> = {
  "postgres:": openPostgres,
  "postgresql:": openPostgres,
  "mysql:": openMysql,
  "mariadb:": openMysql,
  "redis:": openRedis,
  "rediss:": openRedis,
  "nats:": openNats,
};

/** What a store may be, for help texts. */
export const storeForms = "a SQLite file, or a URL: sqlite:PATH, postgres://, mysql://, redis://, nats://HOST/BUCKET";

/**
 * Opens an existing store; `close` of what it returns ends the connection too.
 *
 * @param location a URL, or the path of a SQLite file.
 * @throws Error that says what is wrong. It never has the location in it if that is a URL, which may hold a password.
 */
export async function storeFromUrl(location: string): Promise<Store> {
  if (location.startsWith("sqlite:")) return openSqlite(location.slice("sqlite:".length).replace(/^\/\//, ""));
  if (!/^[a-z][a-z0-9+.-]+:\/\//i.test(location)) return openSqlite(location);
  const url = new URL(location);
  const open = schemes[url.protocol];
  if (open === undefined) throw new Error(`There is no store for ${url.protocol}// URLs. It must be ${storeForms}.`);
  return open(url);
}
