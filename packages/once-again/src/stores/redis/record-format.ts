import { joinBytes } from "../../core/bytes.ts";
import { recordBrokenError } from "../../core/record-errors.ts";
import { withSizes } from "../list-records.ts";
import { aheadOf, inspectRecord, isExpired, readableRecord, recordProblem, unreadableRecord } from "../transition.ts";
import type { ClaimAnswer, InspectedRecord, KeyRecord, ListRequest, RecordName } from "../store.ts";

/**
 * How a record is stored: a line of fields, separated by spaces, and then the result, or, while it runs, its steps, one
 * after the other as they were stored. The line is
 *
 *     1 running|done FINGERPRINT OWNER ATTEMPT FENCE LEASE LIFE
 *
 * with the version of this form in front. LEASE and LIFE are milliseconds from the record's creation to the end of its
 * lease, and to its expiry. Redis removes a done record when its LIFE is over, and a running one when its LEASE is over
 * as well. So the creation is Redis' own time of removal less that: writing a record needs no clock.
 *
 * A record that runs for ever has the longest LIFE that there is, 253 years, and not none: its time of removal is what its
 * creation and its lease are counted from. In the place of the OWNER of a record that a person settled stands who did.
 * `%21DETAILS` may follow the OWNER: facts about the operation in Base64 for URLs, after a mark that no owner has (an escaped
 * `!`), and that versions before this one read as a part of the owner.
 *
 * `1 released FENCE` stands for a key without a record; its last attempt had that fence.
 */
const line = /^1 (running|done) ([\w.%!~*'()-]*) ([\w.%!~*'()-]*) ([1-9]\d*) (\d+) (\d+) (\d+)\n$/;

/** How long a fence is remembered after its record is gone, milliseconds. */
export const releasedMs = 60_000;

/** The longest lease or retention that is stored, milliseconds: 253 years. All times have at most 13 digits then. */
const msMax = 8_000_000_000_000;

/** A length of time as it is stored. As the LIFE of a record that runs, the longest one stands for ever. */
export function wholeMs(ms: number): number {
  return Math.min(Math.floor(ms), msMax);
}

/** The LIFE of a record that runs, as it is stored. */
export function runningLifeMs({ heldRetentionMs = msMax }: { heldRetentionMs?: number | undefined }): number {
  return wholeMs(heldRetentionMs);
}

/** Owner or fingerprint, so that it ends at a space. */
export function escapeField(text: string): string {
  return plainField.test(text) ? text : encodeURIComponent(text);
}

const plainField = /^[\w.-]*$/;

/** `undefined`: no store escaped it so. */
function unescapeField(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}

/** The details of a record as they follow its owner; empty where it has none. */
export function detailsField(details: Uint8Array | undefined): string {
  return details === undefined ? "" : `%21${Buffer.from(details).toString("base64url")}`;
}

/** The fields of a record's line, but for its state and LIFE. */
export interface AttemptFields {
  readonly fingerprint: string;
  readonly owner: string;
  readonly details: Uint8Array | undefined;
  readonly fence: number;
  readonly leaseMs: number;
}

/** The fields of a first attempt, as they follow the state. */
export function firstAttemptFields({ fingerprint, owner, details, fence, leaseMs }: AttemptFields): string {
  return `${escapeField(fingerprint)} ${escapeField(owner)}${detailsField(details)} 1 ${fence} ${wholeMs(leaseMs)}`;
}

/** A line of fields. */
export function recordLine(state: "running" | "done", fields: string, lifeMs: number): string {
  return `1 ${state} ${fields} ${lifeMs}\n`;
}

/** A stored record, in its parts. Owner and fingerprint are escaped. */
export interface StoredRecord {
  readonly state: "running" | "done";
  readonly fingerprint: string;
  readonly owner: string;
  /** In Base64 for URLs; missing where it has none. */
  readonly details: string | undefined;
  readonly attempt: number;
  readonly fence: number;
  readonly leaseMs: number;
  readonly lifeMs: number;
  /** The bytes after the line. */
  readonly rest: Uint8Array;
}

/** @returns `undefined` for what is no record. */
export function parseRecord(stored: Buffer): StoredRecord | undefined {
  const lineLength = stored.indexOf(0x0a) + 1;
  const match = line.exec(stored.toString("latin1", 0, lineLength));
  if (match === null) return undefined;
  const [, owner = match[3] ?? "", details] = withDetails.exec(match[3] ?? "") ?? [];
  return {
    state: match[1] === "done" ? "done" : "running",
    fingerprint: match[2] ?? "",
    owner,
    details,
    attempt: Number(match[4]),
    fence: Number(match[5]),
    leaseMs: Number(match[6]),
    lifeMs: Number(match[7]),
    rest: new Uint8Array(stored.buffer, stored.byteOffset + lineLength, stored.length - lineLength),
  };
}

const withDetails = /^(.*?)%21([\w-]*)$/;

/**
 * The record in a text; `unreadableRecord` where it has no record.
 *
 * @param removedAt when Redis removes it, milliseconds since the epoch by its own clock; -1: never.
 */
export function recordOf(stored: Buffer, removedAt: number): KeyRecord {
  const record = parseRecord(stored);
  if (record === undefined || removedAt < 0) return unreadableRecord;
  const { state, attempt, fence, leaseMs, lifeMs, rest } = record;
  const [fingerprint, owner] = [unescapeField(record.fingerprint), unescapeField(record.owner)];
  const isDone = state === "done";
  const checkpoints = isDone ? {} : stepsOf(rest);
  if (fingerprint === undefined || owner === undefined || checkpoints === undefined) return unreadableRecord;
  const createdAt = removedAt - (isDone ? lifeMs : Math.max(leaseMs, lifeMs));
  return {
    state,
    fingerprint,
    owner,
    attempt,
    fence,
    leaseUntil: createdAt + leaseMs,
    checkpoints,
    result: isDone ? rest : undefined,
    createdAt,
    expiresAt: lifeMs >= msMax ? Number.POSITIVE_INFINITY : createdAt + lifeMs,
    ...(isDone && settlementOf(record.owner)),
    ...(record.details !== undefined && { details: Uint8Array.from(Buffer.from(record.details, "base64url")) }),
  };
}

/**
 * Who settled a record stands in the place of its owner, in a form that no owner has (an escaped `!` in front), and that
 * versions before this one read as an owner: `%21SETTLED_AT!NOTE`, the note in Base64 for URLs.
 */
const settler = /^%21(\d+)!([\w-]*)$/;

function settlementOf(owner: string): Pick<KeyRecord, "owner" | "settledAt" | "settlementNote"> | undefined {
  const [, settledAt, note = ""] = settler.exec(owner) ?? [];
  if (settledAt === undefined) return undefined;
  const settlementNote = Uint8Array.from(Buffer.from(note, "base64url"));
  return { owner: "", settledAt: Number(settledAt), settlementNote };
}

/** One step as it is stored: the length of its result in bytes, its name as JSON, and its result. */
export function stepBytes(name: string, result: Uint8Array): Uint8Array {
  return joinBytes([new TextEncoder().encode(`${result.length} ${JSON.stringify(name)}\n`), result]);
}

/** The steps that were stored, of two with one name the later one; `undefined` for what are none. */
export function stepsOf(stored: Uint8Array): Record<string, Uint8Array> | undefined {
  const steps: [string, Uint8Array][] = [];
  for (let at = 0; at < stored.length;) {
    const resultAt = stored.indexOf(0x0a, at) + 1;
    const [, length, name] = /^(\d+) (.*)\n$/.exec(textOf(stored.subarray(at, resultAt))) ?? [];
    if (length === undefined || name === undefined) return undefined;
    at = resultAt + Number(length);
    if (at > stored.length) return undefined;
    steps.push([JSON.parse(name) as string, stored.subarray(resultAt, at)]);
  }
  return Object.fromEntries(steps);
}

const textOf = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);

/**
 * The Redis key of a record. A record is one key, so it is in one slot of a cluster. JSON, since no two names give the
 * same, whatever characters they hold (lone surrogates, which UTF-8 has no bytes for, are escaped).
 */
export function redisKey(prefix: string, { scope, key }: RecordName): string {
  return `${prefix}[${json(scope)},${json(key)}]`;
}

/** Text that JSON puts between quotes unchanged. Nearly all names are such, and are not scanned twice. */
const plainName = /^[\w !#-[\]-`|}~]*$/;

/** Without a `{`, or what callers write in braces would choose the slot, and with it the node that all of it goes to. */
function json(name: string): string {
  return plainName.test(name) ? `"${name}"` : JSON.stringify(name).replaceAll("{", String.raw`\u007b`);
}

/** The name behind a Redis key that `redisKey` made; `undefined` for any other. */
export function nameOf(prefix: string, redisKey: string): RecordName | undefined {
  try {
    const [scope, key] = JSON.parse(redisKey.slice(prefix.length)) as [unknown, unknown];
    return typeof scope === "string" && typeof key === "string" ? { scope, key } : undefined;
  } catch {
    return undefined;
  }
}

/** The pattern of SCAN for the records of a list, and perhaps some more. */
export function keyPattern(
  prefix: string,
  { scope, scopePrefix = "", key }: Pick<ListRequest, "scope" | "scopePrefix" | "key">,
): string {
  const start = scope === undefined ? `[${json(scopePrefix).slice(0, -1)}` : `[${json(scope)},`;
  const end = key === undefined ? "" : `,${json(key)}]`;
  const escaped = (text: string): string => text.replaceAll(/[\\*?[\]^-]/gu, "\\$&");
  return `${escaped(prefix + start)}*${escaped(scope === undefined ? end : end.slice(1))}`;
}

/** The answer to a claim, from the record that is there; `undefined` where that depends on the server's time. */
export function answerOfRecord(stored: Buffer, fingerprint: string): ClaimAnswer | undefined {
  const record = parseRecord(stored);
  // Released, or no record.
  if (record === undefined) return undefined;
  if (record.fingerprint !== escapeField(fingerprint)) return { kind: "mismatch" };
  return record.state === "done" ? { kind: "done", result: record.rest } : undefined;
}

/**
 * The server's time, and the answer to a claim, from what the script says: the time, a kind, and what goes with it. A
 * client may give numbers as texts.
 */
export function claimReply(name: RecordName, reply: unknown): { serverMs: number; answer: ClaimAnswer } {
  const [serverMs, kind, ...rest] = reply as unknown[];
  return { serverMs: Number(serverMs), answer: claimAnswer(name, String(kind), rest) };
}

function claimAnswer(name: RecordName, kind: string, rest: readonly unknown[]): ClaimAnswer {
  switch (kind) {
    case "acquired": {
      const [attempt, fence] = rest.slice(0, 2).map(Number) as [number, number];
      const checkpoints = stepsOf(bytesOf(rest[2] as Buffer));
      if (checkpoints === undefined) throw recordBrokenError(name, "A step of it can't be read.");
      return { kind: "acquired", attempt, fence, abandoned: attempt > 1, checkpoints };
    }
    case "in-progress":
      return { kind: "in-progress", leaseMsLeft: Number(rest[0]) };
    case "done":
      return { kind: "done", result: bytesOf(rest[0] as Buffer) };
    case "abandoned":
      return { kind: "abandoned", leaseOverMs: Number(rest[0]) };
    default:
      return { kind: "mismatch" };
  }
}

/** The record that the script found, as people see it. */
export function inspectedOf({ scope, key }: RecordName, reply: unknown): InspectedRecord | undefined {
  if (reply === null) return undefined;
  const [state, stored, removedAt, now] = reply as [Buffer, Buffer, unknown, unknown];
  const record = recordOf(stored, Number(removedAt));
  const problem = recordProblem(record);
  if (problem !== undefined) return { scope, key, state: "broken", record: readableRecord(record), problem };
  return { scope, key, state: String(state) as InspectedRecord["state"], record, ...aheadOf(record, Number(now)) };
}

/** The record that the script measured; none where it has expired, or was released. */
export function measuredOf(name: RecordName, reply: unknown): InspectedRecord | undefined {
  if (reply === null) return undefined;
  const [now, head, removedAt, restBytes, steps] = reply as [unknown, Buffer, unknown, unknown, unknown];
  if (head.toString("latin1").startsWith("1 released ")) return undefined;
  const record = Number(steps) < 0 ? unreadableRecord : recordOf(head, Number(removedAt));
  if (isExpired(record, Number(now))) return undefined;
  const resultBytes = record.state === "done" ? Number(restBytes) : undefined;
  return withSizes(inspectRecord(name, record, Number(now)), { resultBytes, checkpoints: Math.max(0, Number(steps)) });
}

/** The client's buffer, as an array of bytes and nothing more. */
function bytesOf({ buffer, byteOffset, byteLength }: Buffer): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}
