import { checkChoice, requireMethod } from "../../core/options.ts";
import type { IntentStore } from "../intent-store.ts";

/**
 * When a page's intents go on: `"online"`: when the browser has a network again. `"visible"`: when the page is looked at
 * again, since browsers slow the timers of hidden pages down. `"sync"`: when the browser has a network again, also after the
 * page was closed, by Background Sync (Chromium alone; elsewhere it does nothing).
 */
export type ResumeOccasion = "online" | "visible" | "sync";

/** The parts of `Intents` that this needs. */
interface ResumedIntents {
  resume(): Promise<void>;
  watch(listener: (event: { readonly type: string; readonly id?: string }) => void): () => void;
  list(request: Parameters<IntentStore["list"]>[0]): Promise<readonly unknown[]>;
}

interface Page {
  readonly document?: EventTarget & { readonly visibilityState: string };
  readonly addEventListener?: EventTarget["addEventListener"];
  readonly removeEventListener?: EventTarget["removeEventListener"];
  readonly navigator?: {
    readonly onLine?: boolean;
    readonly serviceWorker?: {
      readonly ready: Promise<{ readonly sync?: { register(tag: string): Promise<void> } }>;
    };
  };
}

/** The tag of the sync event that a service worker gets. */
const syncTag = "once-again";

/**
 * Goes on with the intents of this site now, and on each of these occasions. For `"sync"`, your service worker listens to the
 * event `sync` with the tag `"once-again"`, and resumes there: see the guide.
 *
 * @param occasions default `["online", "visible"]`.
 * @returns a function that ends that.
 * @throws OnceAgainError `ONCE_OPTION_INVALID` for what are no intents, and for another occasion.
 * @example
 * ```ts
 * const intents = openIntents({ store: indexeddbIntents() });
 * const stop = resumeOn(intents, ["online", "visible", "sync"]);
 * ```
 */
export function resumeOn(
  intents: ResumedIntents,
  occasions: readonly ResumeOccasion[] = ["online", "visible"],
): () => void {
  requireMethod("intents", "what openIntents() gives", intents, "resume");
  for (const occasion of occasions) checkChoice("occasions", occasion, ["online", "visible", "sync"]);
  const page = globalThis as unknown as Page;
  const stopping = new AbortController();
  const { signal } = stopping;
  // It rejects only when they are closed.
  const resume = (): void => void intents.resume().catch(() => undefined);
  const onVisible = (): void => {
    if (page.document?.visibilityState === "visible") resume();
  };
  if (occasions.includes("online")) page.addEventListener?.("online", resume, { signal });
  if (occasions.includes("visible")) page.document?.addEventListener("visibilitychange", onVisible, { signal });
  if (occasions.includes("sync")) registerSync(page, intents, signal);
  resume();
  return () => stopping.abort();
}

/**
 * Asks for a sync event when an intent is postponed, when one is added or held while there is no network, and when the page is
 * hidden, perhaps for good, while one is pending.
 */
function registerSync(page: Page, intents: ResumedIntents, signal: AbortSignal): void {
  const register = async (): Promise<void> => {
    const registration = await page.navigator?.serviceWorker?.ready;
    if (!signal.aborted) await registration?.sync?.register(syncTag);
  };
  // Refused in private windows, and where the user switched it off: then the next visit goes on.
  const ask = (): void => void register().catch(() => undefined);
  const isOffline = (): boolean => page.navigator?.onLine === false;
  const lookForPending = async (): Promise<void> => {
    const [pending] = await intents.list({ state: "pending", limit: 1 });
    if (pending !== undefined) ask();
  };
  const look = (): void => void lookForPending().catch(() => undefined);
  const unwatch = intents.watch(({ type }) => {
    if (type === "postponed" || (type === "added" && isOffline())) ask();
  });
  signal.addEventListener("abort", unwatch, { once: true });
  const onHidden = (): void => {
    if (page.document?.visibilityState === "hidden") look();
  };
  page.document?.addEventListener("visibilitychange", onHidden, { signal });
  page.addEventListener?.("offline", look, { signal });
  if (isOffline()) look();
}
