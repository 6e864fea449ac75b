import { OnceAgainError } from "../core/errors.ts";
import { checkChoice, checkNumber, invalidOptionError } from "../core/options.ts";
import type { InspectedRecord, KeyRecord, ListRequest, RecordName } from "./store.ts";

/** Stands for what is stored under a name and can't be read as a record. It never expires, and is broken. */
export const unreadableRecord: KeyRecord = {
  state: "running",
  fingerprint: "",
  owner: "",
  attempt: 0,
  fence: 0,
  leaseUntil: 0,
  checkpoints: {},
  createdAt: 0,
  expiresAt: Number.POSITIVE_INFINITY,
};

/** The problem of a record that was read back, as a sentence; `undefined`: nothing. */
export function recordProblem(record: KeyRecord): string | undefined {
  if (record === unreadableRecord) return "It can't be read.";
  const { state, attempt, fence, createdAt, leaseUntil, expiresAt, result } = record;
  if (state !== "running" && state !== "done") return `Its state is ${String(state)}.`;
  if (!Number.isSafeInteger(attempt) || attempt < 1) return `Its attempt is ${attempt}.`;
  if (!areTimes(fence, createdAt, leaseUntil, expiresAt)) return "One of its times is not a time.";
  if (expiresAt < createdAt) return "It expires before it was made.";
  if (state === "done" && result === undefined) return "It is done, and has no result.";
  if (state === "running" && result !== undefined) return "It runs, and has a result.";
  return undefined;
}

/** The part of a broken record that can be shown: one with invalid times is shown without any of its fields. */
export function readableRecord(record: KeyRecord): KeyRecord {
  const { fence, createdAt, leaseUntil, expiresAt } = record;
  return areTimes(fence, createdAt, leaseUntil, expiresAt) ? record : unreadableRecord;
}

function areTimes(fence: number, createdAt: number, leaseUntil: number, expiresAt: number): boolean {
  const isExpiry = expiresAt === Number.POSITIVE_INFINITY || isTime(expiresAt);
  return isTime(fence) && isTime(createdAt) && isTime(leaseUntil) && isExpiry;
}

function isTime(ms: number): boolean {
  return Math.abs(ms) <= storedNever;
}

/** @throws OnceAgainError `ONCE_RECORD_BROKEN`, unless the record may have been written by a store. */
export function checkRecord(name: RecordName, record: KeyRecord): KeyRecord {
  const problem = recordProblem(record);
  if (problem !== undefined) throw recordBrokenError(name, problem);
  return record;
}

/**
 * The other half of the pair: what is written follows from what was read.
 *
 * @throws OnceAgainError `ONCE_RECORD_BROKEN`; then nothing is written.
 */
export function checkSuccessor(name: RecordName, before: KeyRecord | undefined, after: KeyRecord): void {
  const problem = recordProblem(after) ?? (before && successorProblem(before, after));
  if (problem !== undefined) throw recordBrokenError(name, `It would be written so: ${problem}`);
}

function successorProblem(before: KeyRecord, after: KeyRecord): string | undefined {
  if (before.state === "done") return "A done record changes.";
  if (after.state === "running" && after.expiresAt < before.expiresAt) return "Its expiry falls while it runs.";
  if (after.attempt < before.attempt) return "Its attempt falls.";
  const isSameAttempt = after.attempt === before.attempt;
  if (isSameAttempt ? after.fence !== before.fence : after.fence <= before.fence)
    return "Its fence does not grow with it.";
  return undefined;
}

/** The error for a record that no store of ours has written like this. */
export function recordBrokenError({ scope, key }: RecordName, problem: string, cause?: unknown): OnceAgainError {
  return new OnceAgainError(
    "ONCE_RECORD_BROKEN",
    `The record of the key ${JSON.stringify(key)} in the scope ${JSON.stringify(scope)} is broken. ${problem} Look its ` +
      'effect up, and release it: store.resolve({ scope, key, settlement: { as: "not-executed" } }).',
    { cause },
  );
}

/** The order in which records are listed: by scope, then by key, each by its UTF-16 code units. */
export function compareNames(one: RecordName, other: RecordName): number {
  return compare(one.scope, other.scope) || compare(one.key, other.key);
}

function compare(one: string, other: string): number {
  return one < other ? -1 : Number(one > other);
}

/** The order of a list: two records, or a record and a place. */
export function listOrder({ order }: ListRequest): (one: InspectedRecord, other: InspectedRecord) => number {
  if (order !== "age") return compareNames;
  return (one, other) => one.record.leaseUntil - other.record.leaseUntil || compareNames(one, other);
}

/**
 * The first records of a list: those that a request asks for, in its order, up to its limit. For a store that has its records at hand;
 * a database selects and sorts by itself.
 *
 * @param records all that are stored and not expired, or all of them that may be listed.
 * @returns a new list.
 * @throws OnceAgainError `ONCE_OPTION_INVALID` for a limit out of bounds, and for a place that the order can't find.
 * @example
 * ```ts
 * import { firstRecords, type InspectedRecord, type Store } from "once-again/stores";
 *
 * const records: InspectedRecord[] = [];
 * const store: Pick<Store, "list"> = { list: async (request) => firstRecords(records, request) };
 * ```
 */
export function firstRecords(records: readonly InspectedRecord[], request: ListRequest): InspectedRecord[] {
  const limit = checkListRequest(request);
  return records
    .filter((record) => isListed(request, record))
    .sort(listOrder(request))
    .slice(0, limit);
}

/** Whether a record belongs into a list by its name. */
export function isListedName({ scope, scopePrefix, key, after, order }: ListRequest, name: RecordName): boolean {
  if (scope !== undefined && name.scope !== scope) return false;
  if (scopePrefix !== undefined && !name.scope.startsWith(scopePrefix)) return false;
  if (key !== undefined && name.key !== key) return false;
  return after === undefined || order === "age" || compareNames(name, after) > 0;
}

/** Whether a record belongs into a list. */
export function isListed(request: ListRequest, listed: InspectedRecord): boolean {
  const { state, after, order } = request;
  if (!isListedName(request, listed) || (state !== undefined && listed.state !== state)) return false;
  if (after === undefined || order !== "age") return true;
  const later = listed.record.leaseUntil - (after.leaseUntil ?? 0) || compareNames(listed, after);
  return later > 0;
}

/** @throws OnceAgainError `ONCE_OPTION_INVALID` for a limit out of bounds. */
export function checkListLimit({ limit = 100 }: { limit?: number | undefined }): number {
  return checkNumber("limit", limit, { min: 1, max: 1000, integer: true });
}

/** @throws OnceAgainError `ONCE_OPTION_INVALID` for a limit out of bounds, and for a place that the order can't find. */
export function checkListRequest(request: ListRequest): number {
  const { order = "name", after } = request;
  checkChoice("order", order, ["name", "age"]);
  if (order === "age" && after !== undefined && !isTime(after.leaseUntil ?? Number.NaN)) {
    throw invalidOptionError("after", 'a scope, a key and a leaseUntil, with order: "age"', after);
  }
  return checkListLimit(request);
}

/** Before the first message: positions are from 1. */
const firstPosition = "0";

/**
 * The position after which a page of an outbox begins.
 *
 * @throws OnceAgainError `ONCE_OPTION_INVALID` for what is no position.
 */
export function checkAfter({ after = firstPosition }: { after?: string | undefined }): string {
  if (typeof after === "string" && /^\d{1,15}$/.test(after)) return after;
  throw invalidOptionError("after", "the position of a message, as listParked gave it", after);
}

/**
 * Stands in databases for a record that never expires: the last time that a Date can have, milliseconds since the epoch. It is
 * a number in every column, and a time to programs of earlier versions, which leave such a record alone.
 */
export const storedNever = 8_640_000_000_000_000;

/** When a record expires, as it is stored. `Infinity`: never. */
export function storedExpiry(expiresAt: number): number {
  return Math.min(expiresAt, storedNever);
}

/** When a stored record expires, milliseconds since the epoch; `Infinity`: never. */
export function readExpiry(stored: number): number {
  return stored >= storedNever ? Number.POSITIVE_INFINITY : stored;
}
