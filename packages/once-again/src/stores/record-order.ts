import type { InspectedRecord, RecordName } from "./store.ts";

/** The order in which records are listed: by scope, then by key, each by its UTF-16 code units. */
export function compareNames(one: RecordName, other: RecordName): number {
  return compare(one.scope, other.scope) || compare(one.key, other.key);
}

function compare(one: string, other: string): number {
  return one < other ? -1 : Number(one > other);
}

/** The first records in that order. */
export function firstRecords(records: readonly InspectedRecord[], limit: number): InspectedRecord[] {
  return [...records].sort(compareNames).slice(0, limit);
}
