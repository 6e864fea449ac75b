import type { Acquired, ClaimAnswer, RecordName } from "../stores/store.ts";

/** One operation: its name, and what it is, so that a key can't be used for another. */
export interface OnceOperation extends RecordName {
  /** SHA-256 of the request, hexadecimal: see `fingerprint` in once-again/key. */
  fingerprint: string;
}

/** What became of one request for an operation. */
export type Outcome =
  /** This request carried it out. */
  | { kind: "executed"; result: Uint8Array }
  /** It was carried out before; this is the first result. */
  | { kind: "replayed"; result: Uint8Array }
  /** Another request carries it out right now. */
  | { kind: "in-progress" }
  /** The key was used before, for another request. */
  | { kind: "mismatch" }
  /** An earlier attempt ended without a word, and the route never runs such an operation again by itself. */
  | { kind: "outcome-unknown" };

/** What a claim that was not granted means for its request. */
export function outcomeOfClaim(answer: Exclude<ClaimAnswer, Acquired>): Outcome {
  switch (answer.kind) {
    case "done":
      return { kind: "replayed", result: answer.result };
    case "abandoned":
      return { kind: "outcome-unknown" };
    default:
      return { kind: answer.kind };
  }
}
