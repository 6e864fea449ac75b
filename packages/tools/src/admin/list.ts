import type { InspectedRecord, ListRequest, Store } from "once-again/stores";
import type { ListPosition } from "once-again/internal";
import type { HeldKey } from "./key-document.ts";

/** Records in the order that was asked for. */
export interface RecordPage {
  readonly records: readonly InspectedRecord[];
  /** The last record of a full page: the next page begins after it. */
  readonly next?: ListPosition;
}

/** Which keys an operator asks for. `after` is the last key of the page before. */
export interface KeySelection extends Omit<ListRequest, "limit"> {
  readonly limit: number;
}

export async function listKeys(store: Store, selection: KeySelection): Promise<RecordPage> {
  const { scope, scopePrefix, key, state, order, after, limit } = selection;
  const records = await store.list({ scope, scopePrefix, key, state, order, after, limit });
  const last = records.length < limit ? undefined : records.at(-1);
  return last === undefined ? { records } : { records, next: positionOf(last, order) };
}

/** The place of a record, after which the next page begins. */
export function positionOf({ scope, key, record }: InspectedRecord, order: ListRequest["order"]): ListPosition {
  return order === "age" ? { scope, key, leaseUntil: record.leaseUntil } : { scope, key };
}

/** Held keys: those that are held longest come first. */
export const heldByAge = { state: "abandoned", order: "age" } as const satisfies ListRequest;

/** A store is asked for so many held keys at a time. */
const pageSize = 1000;

/** Every held key of a selection, and the records of the first of them. */
export interface HeldKeys {
  readonly held: readonly HeldKey[];
  readonly first: readonly InspectedRecord[];
}

/** @param firstMax how many records are returned whole: all of them may not fit into memory. */
export async function listHeldKeys(
  store: Store,
  { scope, limit }: Pick<KeySelection, "scope" | "limit">,
  firstMax: number,
): Promise<HeldKeys> {
  const held: HeldKey[] = [];
  const first: InspectedRecord[] = [];
  let after: ListPosition | undefined;
  do {
    const page = await listKeys(store, {
      state: "abandoned",
      limit: Math.min(pageSize, limit - held.length),
      scope,
      after,
    });
    first.push(...page.records.slice(0, firstMax - first.length));
    held.push(...page.records.map(heldKey));
    after = page.next;
  } while (after !== undefined && held.length < limit);
  return { held, first };
}

/** Names the attempt of a record that an operator saw. */
export function heldKey({ scope, key, record }: InspectedRecord): HeldKey {
  return { scope, key, attempt: record.attempt };
}
