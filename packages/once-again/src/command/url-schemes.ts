import type { Drivers, Opener, StoreKit } from "../stores/kit.ts";
import { storeKits } from "../stores/kits.ts";
import { loadDriver, loadDrivers } from "./load-driver.ts";

export const drivers: Drivers = { one: loadDriver, all: loadDrivers };

/** The kinds of data that a command opens. An outbox needs a database. */
export type Stored = "store" | "outbox";

type KitWithUrls = StoreKit & { readonly urls: NonNullable<StoreKit["urls"]> };

const kits = storeKits.filter((kit): kit is KitWithUrls => kit.urls !== undefined);

const keeps: Readonly<Record<Stored, (kit: KitWithUrls) => boolean>> = {
  store: () => true,
  outbox: ({ urls }) => urls.outboxForm !== undefined,
};

/** The opener of a scheme; `undefined` where no store has it, or none that keeps this. A driver is loaded only when its URL is asked for. */
export function openerOf(scheme: string, stored: Stored): (() => Promise<Opener>) | undefined {
  return kits.find((kit) => keeps[stored](kit) && kit.urls.schemes.includes(scheme))?.urls.open;
}

/** The URLs that a store may have, for help texts. */
export const formsOf = (stored: Stored): string =>
  [
    "sqlite:PATH for a SQLite file",
    ...kits.filter(keeps[stored]).map(({ urls }) => (stored === "store" ? urls.form : urls.outboxForm)),
  ].join(", ");

/** The scheme that a word stands for, as the name of a server's program. */
export const schemeMeant = (word: string): string =>
  kits.find(({ urls }) => urls.otherNames?.includes(word))?.urls.schemes[0] ?? word;

/** Our own parameters of URLs, which hold no password. */
export const shownParameters: readonly string[] = [...new Set(kits.flatMap(({ urls }) => urls.parameters ?? []))];
