/** How a store was when it was last asked. `at` is milliseconds since the epoch, by this machine's clock. */
export type StoreSample =
  | {
      readonly at: number;
      /** How long the store took to answer, milliseconds. */
      readonly latencyMs: number;
      /** How many keys a worker owns at present, and how many are held; `countMax` stands for that many or more. */
      readonly running: number;
      readonly held: number;
      /** How many requests were answered from memory so far, where that is known. */
      readonly replays?: number;
    }
  | { readonly at: number; readonly problem: string };

/** One key in the list; times are ISO 8601, by the store's clock. */
export interface KeySummary {
  readonly scope: string;
  readonly key: string;
  readonly state: "running" | "done" | "abandoned";
  readonly attempt: number;
  readonly fence: number;
  readonly fingerprint: string;
  readonly owner: string;
  readonly createdAt: string;
  readonly leaseUntil: string;
  readonly expiresAt: string;
  readonly stepCount: number;
  readonly resultBytes: number | null;
}

/** `GET list` */
export interface KeyPage {
  readonly keys: readonly KeySummary[];
  /** Where the next page begins; null: there is none. */
  readonly next: { readonly scope: string; readonly key: string } | null;
}

/** What is kept of a result or a step. */
export type KeptDocument =
  | {
      readonly kind: "answer";
      readonly status: number;
      readonly headers: readonly (readonly [string, string])[];
      readonly bodyBase64: string;
    }
  | { readonly kind: "step"; readonly name: string; readonly value?: unknown; readonly begun?: true }
  | { readonly kind: "sealed"; readonly keyId: string }
  | { readonly kind: "bytes"; readonly base64: string };

/** `GET show` */
export interface KeyDocument extends KeySummary {
  readonly steps: readonly (KeptDocument & { readonly place: string })[];
  readonly result: KeptDocument | null;
}

/** `POST release`: a held key, as the person saw it who settles it. Another attempt is not meant. */
export interface SeenKey {
  readonly scope: string;
  readonly key: string;
  readonly attempt: number;
}

/** `POST resolve` brings this beside the key: the answer that a person gives it. */
export interface GivenAnswer {
  readonly status: number;
  /** Empty: none. */
  readonly contentType: string;
  readonly body: string;
  /** How long it is kept, milliseconds. */
  readonly retentionMs: number;
}

/** `GET watch`: a `history` first, then a `sample` every now and then. */
export type KeysEvent =
  | { readonly event: "history"; readonly data: readonly StoreSample[] }
  | { readonly event: "sample"; readonly data: StoreSample };
