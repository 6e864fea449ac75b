import type { Store } from "../stores/index.ts";
import type { OpenOutbox } from "./stores/open-outbox.ts";
import { makeSqlite, openSqlite, openSqliteOutbox } from "./stores/sqlite.ts";
import { readStoreLocation } from "./store-location.ts";
import { urlSchemes } from "./url-schemes.ts";
import { waitAtMost } from "./wait-at-most.ts";

export { makeDrySqliteOutbox, makeSqlite, makeSqliteOutbox } from "./stores/sqlite.ts";

/** The scheme of a URL that `readStoreLocation` accepted. */
const schemeOf = ({ protocol }: URL) => urlSchemes[protocol.slice(0, -1)]!;

/** How long a server may take to answer for the first time, milliseconds. Some clients wait for ever. */
const openMsMax = 10_000;

/** Waits for what is opened. It is closed where it comes too late. */
async function inTime<Opened extends { close(): Promise<void> }>(opening: Promise<Opened>): Promise<Opened> {
  const opened = await waitAtMost(opening, openMsMax);
  if (opened !== undefined) return opened;
  opening.then((late) => late.close()).catch(() => undefined);
  throw new Error(`The store's database did not answer for ${openMsMax} ms.`);
}

/**
 * Opens an existing store; `close` of what it returns ends the connection too.
 *
 * @param location see `readStoreLocation`.
 * @throws Error that says what is wrong. It never has the location in it if that is a URL, which may hold a password.
 */
export async function storeFromUrl(location: string): Promise<Store> {
  const read = readStoreLocation(location);
  return read.kind === "sqlite" ? openSqlite(read.path) : inTime(schemeOf(read.url).store(read.url, "command"));
}

/** Opens a store for a server: with connections for many keys at a time, which come back. A SQLite file is made. */
export async function serverStoreFromUrl(location: string): Promise<Store> {
  const read = readStoreLocation(location);
  return read.kind === "sqlite" ? makeSqlite(read.path, false) : inTime(schemeOf(read.url).store(read.url, "server"));
}

/** Opens an existing outbox, as `storeFromUrl` opens a store. */
export async function outboxFromUrl(location: string): Promise<OpenOutbox> {
  const read = readStoreLocation(location, "outbox");
  return read.kind === "sqlite" ? openSqliteOutbox(read.path) : inTime(schemeOf(read.url).outbox!(read.url, "command"));
}

/** The path of the SQLite file that a location names. @throws Error for a location that can't be meant. */
export function sqlitePath(location: string): string | undefined {
  const read = readStoreLocation(location);
  return read.kind === "sqlite" ? read.path : undefined;
}
