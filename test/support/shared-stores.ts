import type { Store } from "../../packages/once-again/src/stores/store.ts";

/** Stores by the name of their records, for engines where one object is every connection to them. */
export function sharedStores(make: () => Store): (records: string) => Store {
  const stores = new Map<string, Store>();
  return (records) => {
    const store = stores.get(records) ?? make();
    stores.set(records, store);
    return store;
  };
}
