import { decodeBase64, encodeBase64 } from "../../core/bytes.ts";
import { withSizes } from "../list-records.ts";
import { originalText, storedText } from "./names.ts";
import type { ClaimAnswer, ClaimRequest, InspectedRecord, KeyRecord, ListRequest, RecordName } from "../store.ts";
import { checkRecord, inspectRecord, readExpiry, transition, unreadableRecord } from "../transition.ts";

/** A row of the table of keys, with the store's time at which it was read. Some drivers give large integers as text. */
export interface KeyRow {
  readonly scope: string;
  readonly key: string;
  readonly state: KeyRecord["state"];
  readonly fingerprint: string;
  readonly owner: string;
  readonly attempt: number;
  readonly fence: number | string;
  readonly lease_until: number | string;
  /** The checkpoints by name, Base64, as JSON. */
  readonly checkpoints: string;
  readonly result: Uint8Array | null;
  readonly created_at: number | string;
  readonly expires_at: number | string;
  /** Both are null unless a person settled the record. */
  readonly settled_at: number | string | null;
  readonly settlement_note: Uint8Array | null;
  /** Missing where it is not asked for: no decision depends on it. */
  readonly details?: Uint8Array | null;
  /** The store's time, milliseconds since the epoch. */
  readonly ms: number | string;
}

/** The record that a row holds, as it is. */
function recordOf(row: KeyRow): KeyRecord {
  return rowRecord(row, checkpointsOf(row.checkpoints));
}

/** The record of a row, with its checkpoints as they were read. */
export function rowRecord(row: Omit<KeyRow, "ms">, checkpoints: KeyRecord["checkpoints"] | undefined): KeyRecord {
  if (checkpoints === undefined) return unreadableRecord;
  return {
    state: row.state,
    fingerprint: row.fingerprint,
    owner: row.owner,
    attempt: row.attempt,
    fence: Number(row.fence),
    leaseUntil: Number(row.lease_until),
    checkpoints,
    result: copyOf(row.result),
    createdAt: Number(row.created_at),
    expiresAt: readExpiry(Number(row.expires_at)),
    settledAt: row.settled_at === null ? undefined : Number(row.settled_at),
    settlementNote: copyOf(row.settlement_note),
    details: copyOf(row.details ?? null),
  };
}

/** The bytes that a driver read, apart from its buffer, which is a view of all that it received. */
function copyOf(bytes: Uint8Array | null): Uint8Array | undefined {
  if (bytes === null) return undefined;
  const isApart = bytes.constructor === Uint8Array && bytes.byteLength === bytes.buffer.byteLength;
  return isApart ? bytes : Uint8Array.from(bytes);
}

/** The record that a row holds, as people see it. */
export function inspectRow(row: KeyRow): InspectedRecord {
  return inspectRecord(nameOf(row), recordOf(row), Number(row.ms));
}

function nameOf({ scope, key }: RecordName): RecordName {
  return { scope: originalText(scope), key: originalText(key) };
}

/** A row of a list of sizes. */
export interface SizesRow extends Omit<KeyRow, "checkpoints" | "result"> {
  readonly result_bytes: number | string | null;
  /** Null where they can't be read. */
  readonly checkpoint_count: number | string | null;
}

/** The same for a row of a list of sizes. */
export function inspectSizes(name: RecordName, row: SizesRow): InspectedRecord {
  const { result_bytes: length, checkpoint_count: count } = row;
  // Whether there is a result is all that decides whether a record is broken.
  const result = length === null ? null : new Uint8Array();
  const record = rowRecord({ ...row, result, checkpoints: "" }, count === null ? undefined : {});
  const sizes = { resultBytes: length === null ? undefined : Number(length), checkpoints: Number(count) };
  return withSizes(inspectRecord(name, record, Number(row.ms)), sizes);
}

/** A row of any list. */
export function inspectListed({ content }: ListRequest): (row: KeyRow & SizesRow) => InspectedRecord {
  return content === "sizes" ? (row) => inspectSizes(nameOf(row), row) : inspectRow;
}

/** @throws OnceAgainError `ONCE_RECORD_BROKEN` for a row that no store can have written. */
export function readRow(row: KeyRow): KeyRecord {
  return checkRecord(nameOf(row), recordOf(row));
}

/** The answer to a claim that made its row, at the store's time. */
export function newClaimAnswer(request: ClaimRequest, ms: number | string): ClaimAnswer {
  return transition(undefined, { kind: "claim", ...request }, Number(ms)).answer;
}

/** The answer to a claim that meets this row; for the claim that wrote it, that is `acquired`. */
export function claimAnswer(row: KeyRow, request: ClaimRequest): ClaimAnswer {
  return transition(recordOf(row), { kind: "claim", ...request }, Number(row.ms)).answer;
}

/** One checkpoint as JSON, to be merged into those of its row. */
export function checkpointText(step: string, result: Uint8Array): string {
  return JSON.stringify({ [storedText(step)]: encodeBase64(result) });
}

/** `undefined` for what is no such JSON. */
function checkpointsOf(text: string): KeyRecord["checkpoints"] | undefined {
  try {
    const steps = Object.entries(JSON.parse(text) as Record<string, string>);
    return Object.fromEntries(steps.map(([step, base64]) => [originalText(step), decodeBase64(base64)]));
  } catch {
    return undefined;
  }
}
