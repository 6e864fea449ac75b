import type { AddIntentRequest, Intent, IntentOutcome, IntentStore } from "../stores/intent-store.ts";
import { conflictError } from "./intent-errors.ts";
import type { IntentsSettings } from "./intents-options.ts";

/** An intent that this process has asked its store for. */
interface Remembered {
  readonly key: string;
  readonly fingerprint: string;
  /** Whether the store has acknowledged it: from then on it may have been sent. */
  readonly isStored: boolean;
  /** Until when its key is used again, on the monotonic clock. */
  readonly until: number;
}

/** The calls of a store that remember keys. */
export interface RememberedIntents extends Pick<IntentStore, "add" | "inspect" | "forget"> {
  /** Notes how an intent ended. A failure proves that nothing happened: its key is not needed any more. */
  noteEnd(id: string, outcome: Pick<IntentOutcome, "state">): void;
}

/** How many intents are remembered. The one that was noted first gives way. */
const rememberedMax = 1000;

/**
 * The keys of the intents that this process has added. A store may lose an intent: a user clears a site's data, or a browser
 * evicts them. Its id is then added again with the same key, and in doubt, never with a new key. `add` also rejects with
 * `ONCE_INTENT_CONFLICT`, where the id had another request.
 */
export function rememberedIntents({
  clock,
  giveUpAfterMs,
  retentionMs,
  store,
}: Pick<IntentsSettings, "clock" | "giveUpAfterMs" | "retentionMs" | "store">): RememberedIntents {
  const all = new Map<string, Remembered>();
  const set = (id: string, entry: Remembered): void => {
    all.delete(id);
    all.set(id, entry);
    if (all.size > rememberedMax) all.delete(all.keys().next().value!);
  };
  /** The entry of an id, as long as its key may be sent. */
  const get = (id: string): Remembered | undefined => {
    const entry = all.get(id);
    return entry !== undefined && entry.until > clock.monotonic() ? entry : undefined;
  };
  const noteEnd = (id: string, { state }: Pick<IntentOutcome, "state">): void => {
    const entry = get(id);
    if (state === "failed" || entry === undefined) return void all.delete(id);
    // After its retention the store forgets it, too.
    if (state === "done") set(id, { ...entry, until: Math.min(entry.until, clock.monotonic() + retentionMs) });
  };
  /** Notes an intent as the store has it. */
  const note = ({ id, key, fingerprint, giveUpAt, state }: Intent): void => {
    const leftMs = Math.min(giveUpAfterMs, giveUpAt - clock.now());
    const known = get(id);
    const until = known?.key === key ? known.until : clock.monotonic() + leftMs;
    set(id, { key, fingerprint, isStored: true, until });
    if (state !== "pending") noteEnd(id, { state });
  };
  /** The request to add, with the key that this process knows of its id. */
  const recall = (request: AddIntentRequest): AddIntentRequest => {
    const { id, key, fingerprint } = request;
    const now = clock.monotonic();
    const entry = get(id);
    if (entry === undefined || (!entry.isStored && entry.fingerprint !== fingerprint)) {
      set(id, { key, fingerprint, isStored: false, until: now + giveUpAfterMs });
      return request;
    }
    if (entry.fingerprint !== fingerprint) throw conflictError(id);
    return { ...request, key: entry.key, giveUpAfterMs: Math.ceil(entry.until - now), inDoubt: entry.isStored };
  };
  return {
    async add(request) {
      const answer = await store.add(recall(request));
      if (answer.kind !== "full") note(answer.intent);
      return answer;
    },
    async inspect(id) {
      const intent = await store.inspect(id);
      if (intent !== undefined) note(intent);
      return intent;
    },
    async forget(id) {
      const isForgotten = await store.forget(id);
      if (isForgotten) all.delete(id);
      return isForgotten;
    },
    noteEnd,
  };
}
