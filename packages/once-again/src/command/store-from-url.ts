import type { Store } from "../stores/index.ts";
import type { OpenOutbox, Opener } from "../stores/kit.ts";
import { makeSqlite, openSqlite, openSqliteOutbox } from "./stores/sqlite.ts";
import { readStoreLocation } from "./store-location.ts";
import { drivers, openerOf, type Stored } from "./url-schemes.ts";
import { waitAtMost } from "./wait-at-most.ts";

export { makeDrySqliteOutbox, makeSqlite, makeSqliteOutbox } from "./stores/sqlite.ts";

/** The opener of a URL that `readStoreLocation` accepted. */
const openerFor = ({ protocol }: URL, stored: Stored = "store"): Promise<Opener> =>
  openerOf(protocol.slice(0, -1), stored)!();

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
  if (read.kind === "sqlite") return openSqlite(read.path);
  const { store } = await openerFor(read.url);
  return inTime(store(read.url, "command", drivers));
}

/** Opens a store for a server: with connections for many keys at a time, which come back. A SQLite file is made. */
export async function serverStoreFromUrl(location: string): Promise<Store> {
  const read = readStoreLocation(location);
  if (read.kind === "sqlite") return makeSqlite(read.path, false);
  const { store } = await openerFor(read.url);
  return inTime(store(read.url, "server", drivers));
}

/** Opens an existing outbox, as `storeFromUrl` opens a store. */
export async function outboxFromUrl(location: string): Promise<OpenOutbox> {
  const read = readStoreLocation(location, "outbox");
  if (read.kind === "sqlite") return openSqliteOutbox(read.path);
  const { outbox } = await openerFor(read.url, "outbox");
  return inTime(outbox!(read.url, "command", drivers));
}

/** The path of the SQLite file that a location names. @throws Error for a location that can't be meant. */
export function sqlitePath(location: string): string | undefined {
  const read = readStoreLocation(location);
  return read.kind === "sqlite" ? read.path : undefined;
}
