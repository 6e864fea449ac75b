import { test } from "node:test";
import type { Store } from "once-again/stores";
import { fakeClock, storeContract } from "@once-again/testing";
import { mapStore } from "./own-store.ts";

const clock = fakeClock(1_700_000_000_000);
const stores = new Map<string, Store>();

// A new name: other records. A name that was used before: one more connection to the same records.
function open(records: string): Store {
  const store = stores.get(records) ?? mapStore(() => clock.now());
  stores.set(records, store);
  return store;
}

for (const { name, run } of storeContract({ open, clock })) void test(name, run);
