import {
  type InspectedRecord,
  readSettlementNote,
  type RecordName,
  type SealKey,
  type SettlementNote,
  type Store,
} from "once-again/stores";
import { type StoredValue, valueReader } from "./stored-value.ts";

/** A record with what is stored under it, read. */
export interface RecordView {
  readonly found: InspectedRecord;
  /** By place. */
  readonly steps: readonly (readonly [place: string, value: StoredValue])[];
  readonly result: StoredValue | undefined;
  /** Who settled it, and why; undefined where no person did, or did not say. */
  readonly note: SettlementNote | { readonly sealedWith: string } | undefined;
}

/** @returns undefined when there is no such key. */
export async function showKey(
  store: Store,
  { scope, key }: RecordName,
  sealKeys: readonly SealKey[],
): Promise<RecordView | undefined> {
  const found = await store.inspect({ scope, key });
  if (found === undefined) return undefined;
  const readValue = valueReader(sealKeys);
  const { checkpoints, result, settlementNote } = found.record;
  const places = Object.entries(checkpoints).sort(([one], [other]) => Number(one) - Number(other));
  return {
    found,
    steps: await Promise.all(
      places.map(async ([step, bytes]) => [step, await readValue({ scope, key, step }, bytes)] as const),
    ),
    result: result === undefined ? undefined : await readValue({ scope, key }, result),
    note: settlementNote && readNote(await readValue({ scope, key, isNote: true }, settlementNote)),
  };
}

function readNote(value: StoredValue): RecordView["note"] {
  if (value.kind === "sealed") return { sealedWith: value.keyId };
  return value.kind === "bytes" ? readSettlementNote(value.bytes) : undefined;
}
