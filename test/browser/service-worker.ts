/** The service worker of the tests' pages, as the guide has it. */
import { openIntents } from "once-again/intents";
import { indexeddbIntents } from "once-again/stores/indexeddb";

interface SyncEvent extends Event {
  readonly tag: string;
  waitUntil(work: Promise<unknown>): void;
}

async function resume(): Promise<void> {
  const store = indexeddbIntents();
  await using intents = openIntents({ store, keys: true });
  await intents.resume();
}

(globalThis as unknown as EventTarget).addEventListener("sync", (event) => {
  const sync = event as SyncEvent;
  if (sync.tag === "once-again") sync.waitUntil(resume());
});
