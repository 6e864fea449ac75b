import type { HeldKey } from "../../admin/key-document.ts";
import type { SampleEvent } from "../sample-watch.ts";

/** The health of a store at one time. `at` is milliseconds since the epoch, by this machine's clock. */
export type StoreSample =
  | {
      readonly at: number;
      /** How long the store took to answer, milliseconds. */
      readonly latencyMs: number;
      /** How many keys are owned by a worker, and how many are held; `countMax` stands for that many or more. */
      readonly running: number;
      readonly held: number;
      /** Since when the one is held that is held longest, milliseconds since the epoch by the store's clock; missing: none is. */
      readonly heldSince?: number;
      /** How many requests were answered by replay so far, where that is known. */
      readonly replays?: number;
    }
  | { readonly at: number; readonly problem: string };

/** `GET list` answers so, with status 202, while the store looks for the page: the same question, asked again, gets it. */
export interface Searching {
  readonly searching: true;
}

/** `POST release` and `POST resolve` bring the held keys that are settled in the same way, 1 to 1000 of them, and an `OperatorNote`. */
export interface KeysToSettle {
  readonly keys: readonly HeldKey[];
}

/** They answer so. A key that was not held any more is left as it was; where only one was brought, the status is 409 then. */
export interface SettledKeys {
  readonly settled: number;
  readonly left: readonly { readonly scope: string; readonly key: string; readonly problem: string }[];
}

/** `POST resolve` brings this, too: the response that every repeat is to get. */
export interface OperatorAnswer {
  readonly status: number;
  /** Empty: no such header. */
  readonly contentType: string;
  readonly body: string;
  /** Whether the response has no body; without a body it is refused otherwise. */
  readonly isEmpty: boolean;
  readonly retentionMs: number;
}

/** `GET watch` */
export type KeysEvent = SampleEvent<StoreSample>;
