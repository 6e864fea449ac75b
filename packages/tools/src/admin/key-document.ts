import type { KeyState } from "./key-state.ts";

/** A key in a list, as JSON; times are ISO 8601, by the store's clock. */
export interface KeySummary {
  readonly scope: string;
  readonly key: string;
  readonly state: KeyState;
  readonly attempt: number;
  readonly fence: number;
  readonly fingerprint: string;
  readonly owner: string;
  readonly createdAt: string;
  readonly leaseUntil: string;
  /** Null: never, as long as it has no result. */
  readonly expiresAt: string | null;
  /** When a person settled it; null where none did. */
  readonly settledAt: string | null;
  /** Facts about the operation, where its route stores some; null where none are stored. A part that is missing is null. */
  readonly details: {
    readonly label: string | null;
    readonly route: string | null;
    readonly worker: string | null;
    readonly traceId: string | null;
    readonly reason: "threw" | "failed" | "time-out" | "held" | null;
    /** The id of the key with which all of it is sealed. */
    readonly sealedWith: string | null;
  } | null;
  /** By how much its times are ahead of the store's clock, milliseconds; null where they are not. */
  readonly aheadMs: number | null;
  /** Why it is held, as a sentence; null where it is not held. */
  readonly heldReason: string | null;
  readonly stepCount: number;
  readonly resultBytes: number | null;
}

/** A page of keys: by scope and key, or those that are held longest first. */
export interface KeyPage {
  readonly keys: readonly KeySummary[];
  /** The last key of a full page: the next page begins after it. Null on the last page. */
  readonly next: { readonly scope: string; readonly key: string; readonly leaseUntil?: number | undefined } | null;
}

/** The codes of what is stored and can't be read: docs/errors has a page for each. */
export type BrokenCode = "ONCE_SEAL_BROKEN" | "ONCE_RECORD_BROKEN";

/** The stored result of a key, or of one of its steps. */
export type ValueDocument =
  | {
      readonly kind: "answer";
      readonly status: number;
      readonly headers: readonly (readonly [string, string])[];
      readonly bodyBase64: string;
    }
  | { readonly kind: "step"; readonly name: string; readonly value?: unknown; readonly begun?: true }
  | { readonly kind: "sealed"; readonly keyId: string }
  | { readonly kind: "broken"; readonly code: BrokenCode; readonly problem: string }
  | { readonly kind: "bytes"; readonly base64: string };

/** A release of a key by a person; its time is ISO 8601, by the store's clock. */
export interface ReleaseDocument {
  readonly scope: string;
  readonly key: string;
  readonly attempt: number;
  readonly author: string;
  readonly reason: string;
  readonly label: string | null;
  readonly releasedAt: string;
  /** `false`: it is unknown whether the key was released, since the command ended before. */
  readonly isKnown: boolean;
}

/** A key with everything that is stored under it. */
export interface KeyDocument extends KeySummary {
  readonly steps: readonly (ValueDocument & { readonly place: string })[];
  readonly result: ValueDocument | null;
  /** Who settled it, and why: the parts are null where they were not said, or are sealed. Null where no person settled it. */
  readonly settled: {
    readonly author: string | null;
    readonly reason: string | null;
    /** The id of the key with which author and reason are sealed. */
    readonly sealedWith: string | null;
  } | null;
  /** When people released it before, the newest first. */
  readonly releases: readonly ReleaseDocument[];
}

/** A held key, as an operator saw it before settling it. A later attempt is another one. */
export interface HeldKey {
  readonly scope: string;
  readonly key: string;
  readonly attempt: number;
}
