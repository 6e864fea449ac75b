import { putLast } from "../../core/put-last.ts";

/** A record as this process wrote it when it claimed its key. */
export interface OwnedRecord {
  readonly owner: string;
  /** The fields after the state in its line, but for its LIFE. */
  readonly fields: string;
  readonly lifeMs: number;
  /** When it was sent, on the monotonic clock. */
  readonly claimedAt: number;
}

/** The records that this process wrote and that are running, as far as they are unchanged. */
export interface OwnedRecords {
  add(key: string, record: OwnedRecord): void;
  /** @returns the record of this owner, which is no longer known afterwards. */
  take(key: string, owner: string): OwnedRecord | undefined;
}

/** Of operations that never end here, the oldest are forgotten: their keys are settled by the script, as any other. */
const sizeMax = 10_000;

export function ownedRecords(): OwnedRecords {
  // A Map's old tables keep its values reachable until the next full collection, so the record is cleared.
  const entries = new Map<string, { record: OwnedRecord | undefined }>();
  return {
    add(key, record) {
      putLast(entries, key, { record }, sizeMax);
    },
    take(key, owner) {
      const entry = entries.get(key);
      if (entry?.record?.owner !== owner) return undefined;
      const { record } = entry;
      entry.record = undefined;
      entries.delete(key);
      return record;
    },
  };
}
