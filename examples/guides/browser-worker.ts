import { openIntents } from "once-again/intents";
import { indexeddbIntents } from "once-again/stores/indexeddb";

/** The event of Background Sync, which TypeScript's own library does not have. */
interface SyncEvent extends Event {
  readonly tag: string;
  waitUntil(work: Promise<unknown>): void;
}

async function resume(): Promise<void> {
  await using intents = openIntents({
    store: indexeddbIntents({ name: "shop" }),
    keys: ["https://api.shop.example"],
  });
  await intents.resume();
}

const worker = globalThis as unknown as EventTarget;
worker.addEventListener("sync", (event) => {
  const sync = event as SyncEvent;
  if (sync.tag === "once-again") sync.waitUntil(resume());
});
