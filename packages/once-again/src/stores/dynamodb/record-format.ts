import { hash } from "node:crypto";
import { storedName } from "../sql/names.ts";
import { readExpiry, storedExpiry, unreadableRecord } from "../transition.ts";
import type { KeyRecord, RecordName } from "../store.ts";
import type { Item } from "./api-types.ts";

/*
 * How a record is stored, one item each:
 *
 *     pk       PREFIX/ and the SHA-256 of the name; names are longer than DynamoDB's keys
 *     name     the name itself, ["scope","key"]
 *     st       running, done, or released: the tombstone of a key that was given back
 *     v        counts the writes of one owner; with the fence, no other state of the item has it
 *     fp owner attempt fence lease created expires cp result settled note details: see KeyRecord
 *     gone     of a tombstone: the latest time at which the key was given back
 *     held     true where the record expires while it has no result
 *     ttl      when DynamoDB may remove it, seconds; missing while it is unknown whether the operation happened
 */

/** An item that was read: a record, or the tombstone of one. */
export interface StoredItem extends RecordName {
  /** `undefined`: the key was given back. */
  readonly record: KeyRecord | undefined;
  /** The highest fence that was given for the key. */
  readonly fence: number;
  /** The attributes that no two states of the item have in common. */
  readonly state: Pick<Item, "v" | "fence">;
  /** Whether the record expires while it has no result. */
  readonly isHeldFor: boolean;
  /** The owner in the item: that of the record, or the one that gave the key back. Empty where it has none. */
  readonly owner: string;
  readonly pk: string;
}

export const text = (S: string) => ({ S });
export const number = (value: number) => ({ N: String(value) });
export const bytes = (B: Uint8Array) => ({ B });

/** The key of a record's item. @throws OnceAgainError `ONCE_KEY_INVALID` for a name of more than 1024 bytes. */
export function itemKey(prefix: string, name: RecordName): string {
  storedName(name);
  return hashedKey(prefix, [name.scope, name.key]);
}

/** A key for parts of any length. JSON under the hash keeps them apart. */
export function hashedKey(prefix: string, parts: readonly string[]): string {
  return `${prefix}/${hash("sha256", JSON.stringify(parts), "base64url")}`;
}

/**
 * How much later than its time an item may be removed at the earliest, seconds: AWS accepts a request for up to 15 minutes after it was
 * signed, and a claim of before the record must not find its place empty.
 */
const removalSlackSeconds = 960;

/** For how long a tombstone is stored, seconds: longer than any request is on its way. */
const tombstoneSeconds = 86_400;

/** When DynamoDB may remove an item that has ended at `endsAt`. */
export function removalTime(endsAt: number): { N: string } {
  return number(Math.ceil(endsAt / 1000) + removalSlackSeconds);
}

/** The attribute of a step's result. Any text can name a step: the SDK loses `__proto__`, and UTF-8 has no lone surrogates. */
export function stepAttribute(step: string): string {
  return step.isWellFormed() ? `.${step}` : `,${JSON.stringify(step)}`;
}

function stepName(attribute: string): string {
  return attribute.startsWith(",") ? (JSON.parse(attribute.slice(1)) as string) : attribute.slice(1);
}

/** The item of a record. @param version one more than that of the item in its place. */
export function recordItem(pk: string, name: RecordName, record: KeyRecord, version: number): Item {
  const isHeldFor = record.state === "running" && Number.isFinite(record.expiresAt);
  const { result, settledAt, settlementNote, details } = record;
  return {
    pk: text(pk),
    name: text(JSON.stringify([name.scope, name.key])),
    st: text(record.state),
    v: number(version),
    fp: text(record.fingerprint),
    ...(record.owner !== "" && { owner: text(record.owner) }),
    attempt: number(record.attempt),
    fence: number(record.fence),
    lease: number(record.leaseUntil),
    created: number(record.createdAt),
    expires: number(storedExpiry(record.expiresAt)),
    cp: { M: Object.fromEntries(Object.entries(record.checkpoints).map(([step, B]) => [stepAttribute(step), { B }])) },
    ...(result !== undefined && { result: bytes(result) }),
    ...(settledAt !== undefined && { settled: number(settledAt) }),
    ...(settlementNote !== undefined && { note: bytes(settlementNote) }),
    ...(details !== undefined && { details: bytes(details) }),
    ...(isHeldFor && { held: { BOOL: true } }),
    ...((isHeldFor || record.state === "done") && { ttl: removalTime(lifeEnd(record)) }),
  };
}

/** When a record has expired. */
export function lifeEnd(record: Pick<KeyRecord, "state" | "expiresAt" | "leaseUntil">): number {
  return record.state === "done" ? record.expiresAt : Math.max(record.expiresAt, record.leaseUntil);
}

/** The tombstone of a key that was given back: its fence, and the owner that gave it back. */
export function tombstone(
  { pk, name, owner }: { readonly pk: string; readonly name: RecordName; readonly owner: string },
  { fence, version, now }: { readonly fence: number; readonly version: number; readonly now: number },
): Item {
  return {
    pk: text(pk),
    name: text(JSON.stringify([name.scope, name.key])),
    st: text("released"),
    v: number(version),
    fence: number(fence),
    gone: number(now),
    ...(owner !== "" && { owner: text(owner) }),
    ttl: tombstoneEnd(now),
  };
}

export function tombstoneEnd(now: number): { N: string } {
  return number(Math.ceil(now / 1000) + tombstoneSeconds);
}

/** The record in an item; `undefined` for none. What no store has written is broken. */
export function readItem(item: Item | undefined): StoredItem | undefined {
  if (item === undefined) return undefined;
  const fence = Number(item["fence"]?.N);
  const stored = {
    fence: Number.isSafeInteger(fence) ? fence : 0,
    state: {
      ...(item["v"] !== undefined && { v: item["v"] }),
      ...(item["fence"] !== undefined && { fence: item["fence"] }),
    } as StoredItem["state"],
    isHeldFor: item["held"]?.BOOL === true,
    owner: item["owner"]?.S ?? "",
    pk: item["pk"]?.S ?? "",
  };
  try {
    const [scope, key] = JSON.parse(item["name"]?.S ?? "") as [string, string];
    return { ...stored, scope, key, record: item["st"]?.S === "released" ? undefined : readRecord(item) };
  } catch {
    // Its name can't be read either: where it lies is all that is known of it.
    return { ...stored, scope: "", key: stored.pk, record: unreadableRecord };
  }
}

function readRecord(item: Item): KeyRecord {
  const numberIn = (name: string): number => Number(item[name]?.N);
  const bytesIn = (name: string): Uint8Array | undefined => item[name]?.B && Uint8Array.from(item[name].B);
  const [result, note, details] = [bytesIn("result"), bytesIn("note"), bytesIn("details")];
  const steps = Object.entries(item["cp"]?.M ?? {}).map(([attribute, { B }]) => [
    stepName(attribute),
    Uint8Array.from(B ?? []),
  ]);
  return {
    state: item["st"]?.S as KeyRecord["state"],
    fingerprint: item["fp"]?.S ?? "",
    owner: item["owner"]?.S ?? "",
    attempt: numberIn("attempt"),
    fence: numberIn("fence"),
    leaseUntil: numberIn("lease"),
    checkpoints: Object.fromEntries(steps) as KeyRecord["checkpoints"],
    createdAt: numberIn("created"),
    expiresAt: readExpiry(numberIn("expires")),
    ...(result !== undefined && { result }),
    ...(item["settled"] !== undefined && { settledAt: numberIn("settled") }),
    ...(note !== undefined && { settlementNote: note }),
    ...(details !== undefined && { details }),
  };
}
