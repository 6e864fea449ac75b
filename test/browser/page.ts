/** The globals of these tests' pages: the library's own functions, and one set of intents. */
import { type Intents, openIntents } from "once-again/intents";
import { indexeddbIntents, resumeOn } from "once-again/stores/indexeddb";

type IndexedDbOptions = NonNullable<Parameters<typeof indexeddbIntents>[0]>;
type IndexedDbEvent = Parameters<NonNullable<IndexedDbOptions["onEvent"]>>[0];

const events: IndexedDbEvent[] = [];

/**
 * Opens intents that don't wait long, for a server that honours keys. A lease is longer than any test. Those that were open are
 * closed: they share a store, and would send what is submitted here by their own options.
 */
function open(options: IndexedDbOptions = {}, more: Partial<Parameters<typeof openIntents>[0]> = {}): void {
  void (page.intents as Intents | undefined)?.close();
  page.store = indexeddbIntents({ onEvent: (event) => events.push(event), ...options });
  page.intents = openIntents({
    store: page.store,
    keys: true,
    attemptsMax: 1,
    pollMs: 50,
    leaseMs: 600_000,
    resumeBackoff: () => 50,
    ...more,
  });
}

/** Submits orders of these ids, and says how each ended. */
async function order(...ids: readonly string[]): Promise<string[]> {
  const outcomes = await Promise.all(
    ids.map((id) => page.intents.submit(id, { url: new URL("/orders", location), method: "POST", body: id })),
  );
  return outcomes.map(({ state }) => state);
}

/** The code and the message of what a promise rejects with. */
async function refusal(work: () => Promise<unknown>): Promise<{ code: unknown; message: string } | undefined> {
  try {
    await work();
    return undefined;
  } catch (error) {
    return { code: (error as { code?: unknown }).code, message: (error as Error).message };
  }
}

declare const location: string;

const page = {
  events,
  open,
  order,
  refusal,
  resumeOn,
  indexeddbIntents,
  store: undefined as unknown as ReturnType<typeof indexeddbIntents>,
  intents: undefined as unknown as Intents,
};
export type TestPage = typeof page;
Object.assign(globalThis, { page });
