/** The page of `test/support/intents-beside.ts`: one button's work, by this library and by @tanstack/offline-transactions. */
import { createCollection, localOnlyCollectionOptions } from "@tanstack/db";
import { startOfflineExecutor } from "@tanstack/offline-transactions";
import { openIntents } from "once-again/intents";
import { indexeddbIntents } from "once-again/stores/indexeddb";

declare const location: string;
const url = new URL("/orders", location).href;

/** A library that is open: `press` is the user's press of a button for one order. */
interface Opened {
  press(id: string): Promise<unknown>;
}

/** @param keys true for a server that honours keys; if "off", a request that may have arrived is never sent again. */
async function openOnceAgain(keys: true | "off"): Promise<Opened> {
  const intents = openIntents({ store: indexeddbIntents(), keys });
  void intents.resume();
  return { press: (id) => intents.submit(id, { url, method: "POST", body: id }) };
}

async function openTanstack(): Promise<Opened> {
  const orders = createCollection(localOnlyCollectionOptions({ id: "orders", getKey: ({ id }: { id: string }) => id }));
  const executor = startOfflineExecutor({
    collections: { orders },
    mutationFns: {
      async order({ transaction, idempotencyKey }) {
        const body = JSON.stringify(transaction.mutations.map(({ key }) => String(key)));
        const response = await fetch(url, { method: "POST", headers: { "idempotency-key": idempotencyKey }, body });
        if (!response.ok) throw new Error(`status ${response.status}`);
      },
    },
  });
  await executor.waitForInit();
  return {
    press(id) {
      // The app's own name for the order, as with an intent: without it each press has another key.
      const transaction = executor.createOfflineTransaction({
        mutationFnName: "order",
        autoCommit: false,
        idempotencyKey: id,
      });
      transaction.mutate(() => {
        if (!orders.has(id)) orders.insert({ id });
        else orders.update(id, () => undefined);
      });
      return transaction.commit();
    },
  };
}

const libraries = {
  "once-again": () => openOnceAgain(true),
  "once-again, keys off": () => openOnceAgain("off"),
  tanstack: openTanstack,
};

const beside = {
  opened: undefined as unknown as Opened,
  async start(library: keyof typeof libraries): Promise<void> {
    beside.opened = await libraries[library]();
  },
};
Object.assign(globalThis, { beside });
