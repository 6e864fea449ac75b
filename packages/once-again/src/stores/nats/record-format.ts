import { hash } from "node:crypto";
import { readExpiry, storedExpiry, unreadableRecord } from "../transition.ts";
import type { KeyRecord, RecordName } from "../store.ts";
import type { NatsEntry } from "./client.ts";

/** A record and its name, as one entry keeps them. */
export interface NamedRecord extends RecordName {
  readonly record: KeyRecord;
}

/** The part before the result, in JSON: bytes are in Base64, and for ever is `storedNever`. */
interface Head extends RecordName {
  readonly record: Omit<KeyRecord, "checkpoints" | "result" | "settlementNote" | "details"> & {
    readonly settlementNote?: string;
    readonly details?: string;
  };
  readonly checkpoints: readonly (readonly [step: string, base64: string])[];
  readonly hasResult: boolean;
}

/**
 * The bucket's key for a record: a hash, so that names of any length and characters fit into a subject; JSON under it,
 * so that no two names are the same text. The name itself is in the entry.
 */
export function entryKey({ scope, key }: RecordName): string {
  return hash("sha256", JSON.stringify([scope, key]), "base64url");
}

const lineEnd = 10;

/** An entry's value: a line of JSON, then the result as it is. */
export function entryValue({ scope, key }: RecordName, record: KeyRecord): Uint8Array {
  const { checkpoints, result, settlementNote, details, ...fields } = record;
  const head: Head = {
    scope,
    key,
    record: {
      ...fields,
      expiresAt: storedExpiry(record.expiresAt),
      ...(settlementNote && { settlementNote: base64(settlementNote) }),
      ...(details && { details: base64(details) }),
    },
    checkpoints: Object.entries(checkpoints).map(([step, bytes]) => [step, base64(bytes)]),
    hasResult: result !== undefined,
  };
  return Buffer.concat([Buffer.from(`${JSON.stringify(head)}\n`), result ?? new Uint8Array()]);
}

/** The record in an entry; `undefined` for none, and for the mark that a removed one leaves behind. */
export function recordIn(entry: NatsEntry | null): NamedRecord | undefined {
  if (entry?.operation !== "PUT") return undefined;
  try {
    return namedRecord(entry.value);
  } catch {
    // Its name can't be read either: where it lies is all that is known of it.
    return { scope: "", key: entry.key, record: unreadableRecord };
  }
}

function namedRecord(value: Uint8Array): NamedRecord {
  const end = value.indexOf(lineEnd);
  const head = JSON.parse(Buffer.from(value.subarray(0, end)).toString()) as Head;
  const steps = head.checkpoints.map(([step, text]) => [step, bytesOf(text)]);
  const { settlementNote, details, ...fields } = head.record;
  return {
    scope: head.scope,
    key: head.key,
    record: {
      ...fields,
      ...(settlementNote !== undefined && { settlementNote: bytesOf(settlementNote) }),
      ...(details !== undefined && { details: bytesOf(details) }),
      expiresAt: readExpiry(fields.expiresAt),
      checkpoints: Object.fromEntries(steps) as KeyRecord["checkpoints"],
      result: head.hasResult ? Uint8Array.from(value.subarray(end + 1)) : undefined,
    },
  };
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("base64");
}

function bytesOf(text: string): Uint8Array {
  return Uint8Array.from(Buffer.from(text, "base64"));
}
