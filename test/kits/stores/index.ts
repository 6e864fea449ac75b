import type { TestedStore } from "../store-kit.ts";
import { embeddedStores } from "./embedded.ts";
import { storesOnServers } from "./on-servers.ts";

/** Every store, as it is tested. */
export const testedStores: readonly TestedStore[] = [...embeddedStores, ...storesOnServers];

/** The store of that name. @throws Error where no kit has the name. */
export function testedStore(name: string): TestedStore {
  const found = testedStores.find(({ kit }) => kit.name === name);
  if (found === undefined) throw new Error(`There is no kit of a store ${name}.`);
  return found;
}
