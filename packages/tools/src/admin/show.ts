import type { InspectedRecord, RecordName, Store } from "once-again/stores";
import { readDetails, readSettlementNote, type SealKey, type SettlementNote } from "once-again/internal";
import type { DetailsView } from "./details.ts";
import { secretNames } from "../secret-names.ts";
import { maskValue } from "./mask.ts";
import { findReleases, type Release } from "./releases.ts";
import { type StoredValue, valueReader } from "./stored-value.ts";

/** A record with what is stored under it, read. */
export interface RecordView {
  readonly found: InspectedRecord;
  /** By place. */
  readonly steps: readonly (readonly [place: string, value: StoredValue])[];
  readonly result: StoredValue | undefined;
  /** Who settled it, and why; undefined where no person did, or did not say. */
  readonly note: SettlementNote | { readonly sealedWith: string } | undefined;
  readonly details: DetailsView;
  /** When people released the key before, the newest first. */
  readonly releases: readonly Release[];
}

/** How stored values are shown. */
export interface ShowOptions {
  /** They open what was sealed with them. */
  readonly sealKeys?: readonly SealKey[] | undefined;
  /** Names of headers and JSON members that are masked, in whatever case; by default `secretNames`. */
  readonly mask?: readonly string[] | undefined;
}

/** @returns undefined when there is no such key. */
export async function showKey(
  store: Store,
  { scope, key }: RecordName,
  { sealKeys = [], mask = secretNames }: ShowOptions,
): Promise<RecordView | undefined> {
  const found = await store.inspect({ scope, key });
  if (found === undefined) return undefined;
  const readValue = valueReader(sealKeys);
  const names = new Set(mask.map((name) => name.toLowerCase()));
  const showValue = async (...stored: Parameters<typeof readValue>): Promise<StoredValue> =>
    maskValue(await readValue(...stored), names);
  const { checkpoints, result, settlementNote, details } = found.record;
  const places = Object.entries(checkpoints).sort(([one], [other]) => Number(one) - Number(other));
  return {
    found,
    steps: await Promise.all(
      places.map(async ([step, bytes]) => [step, await showValue({ scope, key, step }, bytes)] as const),
    ),
    result: result === undefined ? undefined : await showValue({ scope, key }, result),
    note: settlementNote && readFact(await readValue({ scope, key, fact: "note" }, settlementNote), readSettlementNote),
    releases: await findReleases(store, { scope, key }),
    details: details && readFact(await readValue({ scope, key, fact: "details" }, details), readDetails),
  };
}

/** A note or details, opened where their seal key is given. */
function readFact<Fact>(
  value: StoredValue,
  read: (bytes: Uint8Array) => Fact | undefined,
): Fact | { readonly sealedWith: string } | undefined {
  if ("keyId" in value && value.keyId !== undefined) return { sealedWith: value.keyId };
  return value.kind === "bytes" ? read(value.bytes) : undefined;
}
