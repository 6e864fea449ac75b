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
      /** How many requests were answered by replay so far, where that is known. */
      readonly replays?: number;
    }
  | { readonly at: number; readonly problem: string };

/** `POST release` and `POST resolve` bring a `HeldKey`, and who settles it and why: see `SettlementNote`. */
export interface OperatorNote {
  readonly author: string;
  readonly reason: string;
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
