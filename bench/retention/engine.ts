import type { Store } from "../../packages/once-again/src/stores/store.ts";

/** A private store, and what the port does not offer: to make and to look at very many records at once. */
export interface RetentionGround extends AsyncDisposable {
  readonly store: Store;
  /** Adds records like the one of this key, in its scope, with random keys (32 hexadecimal digits). */
  addCopies(key: string, count: number, kind: "live" | "expired"): Promise<void>;
  /** The first key of the scope that is not before `from`. */
  keyFrom(from: string): Promise<string>;
  /** The size of the records on disk, with their indexes, bytes. */
  bytes(): Promise<number>;
}

/** The store under test. */
export interface RetentionEngine {
  readonly name: string;
  start(): Promise<RetentionGround>;
}

/** The scope of all records of a run. */
export const scope = "acme";
