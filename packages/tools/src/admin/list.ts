import type { InspectedRecord, ListRequest, Store } from "once-again/stores";
import type { ListPosition } from "once-again/internal";
import { readStoredDetails } from "./details.ts";
import type { HeldKey } from "./key-document.ts";
import { afterReleases, isReleaseRecord } from "./releases.ts";

/** Records in the order that was asked for. */
export interface RecordPage {
  readonly records: readonly InspectedRecord[];
  /** The last record of a full page: the next page begins after it. */
  readonly next?: ListPosition;
}

/** Which keys an operator asks for. `after` is the last key of the page before. */
export interface KeySelection extends Omit<ListRequest, "limit"> {
  readonly limit: number;
  /**
   * A part of the label, or of the route where there is no label, in whatever case: what a customer can name. No store has an index
   * of them, so each key of the selection is read. Sealed labels are not found.
   */
  readonly label?: string | undefined;
  /** Only those with times that the store's clock has yet to reach: each key of the selection is read, too. */
  readonly odd?: boolean | undefined;
}

/**
 * Lists keys, without results and steps, which may be large; the records of releases, which stand among them, are left out.
 *
 * @param onPage is called with how many records were looked at so far.
 */
export async function listKeys(
  store: Store,
  selection: KeySelection,
  onPage?: (looked: number) => void,
): Promise<RecordPage> {
  const { scope, scopePrefix, key, state, order, label, odd = false, limit } = selection;
  const records: InspectedRecord[] = [];
  let { after } = selection;
  for (let looked = 0; ;) {
    const asked = label === undefined && !odd ? limit - records.length : pageSize;
    const found = await store.list({ scope, scopePrefix, key, state, order, after, limit: asked, content: "sizes" });
    for (const one of found) {
      if (isReleaseRecord(one) || (label !== undefined && !hasLabel(one, label)) || (odd && one.aheadMs === undefined))
        continue;
      records.push(one);
      if (records.length === limit) return { records, next: positionOf(one, order) };
    }
    const last = found.at(-1);
    if (found.length < asked || last === undefined) return { records };
    after = isReleaseRecord(last) && order !== "age" ? afterReleases : positionOf(last, order);
    onPage?.((looked += found.length));
  }
}

function hasLabel({ record }: InspectedRecord, part: string): boolean {
  const details = readStoredDetails(record);
  if (details === undefined || "sealedWith" in details) return false;
  return (details.label ?? details.route ?? "").toLowerCase().includes(part.toLowerCase());
}

/** The place of a record, after which the next page begins. */
export function positionOf({ scope, key, record }: InspectedRecord, order: ListRequest["order"]): ListPosition {
  return order === "age" ? { scope, key, leaseUntil: record.leaseUntil } : { scope, key };
}

/** Held keys: those that are held longest come first. */
export const heldByAge = { state: "abandoned", order: "age", content: "sizes" } as const satisfies ListRequest;

/** A store is asked for so many keys at a time. */
const pageSize = 1000;

/** Every held key of a selection, and the records of the first of them. */
export interface HeldKeys {
  readonly held: readonly HeldKey[];
  readonly first: readonly InspectedRecord[];
}

/** @param firstMax how many records are returned beside their names: all of them may not fit into memory. */
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
