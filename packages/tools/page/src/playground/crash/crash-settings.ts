import type { EffectPlace } from "../page-api.ts";

/** The steps of one order, in their order: its crash lies between two of them. */
export const steps = ["sent", "arrived", "claimed", "charged", "stored", "confirmed"] as const;

/** How the callers differ. */
export const callerKinds = ["gives-up", "sends-again", "once-again"] as const;
export type CallerKind = (typeof callerKinds)[number];

/** The two crashes: the server dies, or the connection breaks and the server goes on. */
export const crashKinds = ["server", "connection"] as const;
export type CrashKind = (typeof crashKinds)[number];

/** One run: which crash meets the order, and where its card is charged. */
export interface CrashSettings {
  /** After how many of the steps it happens, 1 to 5. */
  readonly at: number;
  readonly crash: CrashKind;
  readonly effect: EffectPlace;
  /** Of the waits between attempts, 0 to 2^53 - 1. */
  readonly seed: number;
}

/** Something that happened, and when. */
export interface CrashEvent {
  /** Since the order was sent, milliseconds. */
  readonly atMs: number;
  readonly what:
    | "sent"
    | "sent-again"
    | "refused"
    | "claimed"
    | "charged"
    | "known"
    | "stored"
    | "rolled-back"
    | "died"
    | "broke"
    | "restarted"
    | "response"
    | "replayed"
    | "in-progress"
    | "held"
    | "gave-up";
}

/** The end of one caller's order. */
export interface CrashResult {
  readonly caller: CallerKind;
  readonly events: readonly CrashEvent[];
  /** Rows in the ledger. */
  readonly charges: number;
  /** How the caller's call ended. */
  readonly belief: "confirmed" | "unknown" | "gave-up";
  /** The state of the key in the store; missing when the caller sent none, or nothing is stored. */
  readonly key?: "running" | "abandoned" | "done" | "broken" | undefined;
}
