import type { InspectedRecord, ListRequest, RecordName, Store } from "once-again/stores";
import type { HeldKey } from "./key-document.ts";

/** Records in the order of scope and key. */
export interface RecordPage {
  readonly records: readonly InspectedRecord[];
  /** The last record of a full page: the next page begins after it. */
  readonly next?: RecordName;
}

/** Which keys an operator asks for. `after` is the last key of the page before. */
export interface KeySelection {
  readonly state?: ListRequest["state"] | undefined;
  readonly scope?: string | undefined;
  readonly after?: RecordName | undefined;
  readonly limit: number;
}

export async function listKeys(store: Store, { state, scope, after, limit }: KeySelection): Promise<RecordPage> {
  const records = await store.list({
    limit,
    ...(state !== undefined && { state }),
    ...(scope !== undefined && { scope }),
    ...(after !== undefined && { after }),
  });
  const last = records.length < limit ? undefined : records.at(-1);
  return last === undefined ? { records } : { records, next: { scope: last.scope, key: last.key } };
}

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
  let after: RecordName | undefined;
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
