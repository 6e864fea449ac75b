import { memoryStore } from "../../../../packages/once-again/src/stores/memory/index.ts";
import type { Store } from "../../../../packages/once-again/src/stores/store.ts";
import { sharedStores } from "../../../support/shared-stores.ts";
import type { Clock } from "../../../../packages/once-again/src/core/clock.ts";
import type { StoreParts } from "../../store-kit.ts";

const shared = sharedStores(() => memoryStore());
const byClock = new WeakMap<Clock, (records: string) => Store>();

export const memoryParts: StoreParts = {
  clients: { memoryStore: async (_place, records) => shared(records) },
  async onClock(_place, records, clock) {
    const open = byClock.get(clock) ?? sharedStores(() => memoryStore({ clock }));
    byClock.set(clock, open);
    return open(records);
  },
  mistaken: () => ({ store: { client: memoryStore(), advice: "give it as the option `store`" } }),
  make: (options) => memoryStore(options as object),
};
