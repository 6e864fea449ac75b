import type { IntentOutcome } from "../stores/intent-store.ts";
import type { FetchEvent } from "../client/fetch-options.ts";

/** The events of intents in this process. */
export type IntentEvent =
  | (IntentNews & { readonly id: string; readonly key: string })
  /** The store failed, or a function among the options did; it will be asked again. */
  | { readonly type: "fault"; readonly error: unknown };

/** The events of one intent. Times are milliseconds. */
export type IntentNews =
  /** It is on disk. */
  | { readonly type: "added" }
  /** We own it and set about sending it, for the `claim`-th time, by whomever. */
  | { readonly type: "sending"; readonly claim: number; readonly inDoubt: boolean }
  /** An event of `retryingFetch` about its attempts. */
  | { readonly type: "fetch"; readonly event: FetchEvent }
  /** This time it got nowhere; it is sent again after the delay, or ends if its time is over before. */
  | { readonly type: "postponed"; readonly delayMs: number; readonly inDoubt: boolean }
  /** Another process owns it now, or may. */
  | { readonly type: "lease-lost" }
  | { readonly type: "ended"; readonly outcome: IntentOutcome };
