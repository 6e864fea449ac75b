import type { Awaitable } from "../core/awaitable.ts";
import { recordBrokenError } from "../core/record-errors.ts";
import type {
  AsyncStore,
  CheckpointRequest,
  ClaimAnswer,
  ClaimRequest,
  CompleteRequest,
  InspectedRecord,
  KeyRecord,
  RecordName,
  ReleaseRequest,
  RenewRequest,
  ResolveRequest,
  Store,
} from "./store.ts";

/** The operations of the port that change a record. */
export type Operation =
  | ({ kind: "claim" } & ClaimRequest)
  | ({ kind: "complete" } & CompleteRequest)
  | ({ kind: "renew" } & RenewRequest)
  | ({ kind: "release" } & ReleaseRequest)
  | ({ kind: "checkpoint" } & CheckpointRequest)
  | ({ kind: "resolve" } & ResolveRequest);

/** The port's answer to an operation. */
export type AnswerTo<Asked extends Operation> = Asked extends { kind: "claim" } ? ClaimAnswer : boolean;

/** The record after an operation (`undefined`: none) and the answer to its caller. */
export interface Transition<Answer = ClaimAnswer | boolean> {
  record: KeyRecord | undefined;
  answer: Answer;
}

/**
 * The state machine of a key: what each operation of the port does to the record it meets at `now`.
 *
 * Every store behaves as this function says: the memory and SQLite stores run it, the others are tested against it.
 * An operation that changes nothing returns the very object it was given. A broken record answers nothing: a person may
 * release it, as one that was not executed.
 *
 * @throws OnceAgainError `ONCE_RECORD_BROKEN` for a record that no store can have written.
 */
export function transition<Asked extends Operation>(
  stored: KeyRecord | undefined,
  operation: Asked,
  now: number,
): Transition<AnswerTo<Asked>> {
  if (stored !== undefined && recordProblem(stored) !== undefined) {
    if (isRelease(operation)) return { record: undefined, answer: true } as Transition<AnswerTo<Asked>>;
    checkRecord(operation, stored);
  }
  const record = stored !== undefined && isExpired(stored, now) ? undefined : stored;
  const decided = decide(record, operation, now);
  if (decided.record !== undefined && decided.record !== record) checkSuccessor(operation, record, decided.record);
  return decided as Transition<AnswerTo<Asked>>;
}

/** Whether a person says that an operation was not executed. */
function isRelease(operation: Operation): boolean {
  return operation.kind === "resolve" && operation.settlement.as === "not-executed";
}

function decide(record: KeyRecord | undefined, operation: Operation, now: number): Transition {
  switch (operation.kind) {
    case "claim":
      return claim(record, operation, now);
    case "resolve":
      return resolve(record, operation.settlement, now);
    default:
      return change(record, operation, now);
  }
}

/**
 * Whether a record counts as absent. One that runs expires only where its claim said so (`heldRetentionMs`), and not before
 * its lease is over.
 */
export function isExpired(record: KeyRecord, now: number): boolean {
  return record.expiresAt <= now && (record.state === "done" || record.leaseUntil <= now);
}

/** A record as people see it: `abandoned` is running with its lease over. */
export function inspectRecord(name: RecordName, record: KeyRecord, now: number): InspectedRecord {
  const problem = recordProblem(record);
  if (problem !== undefined)
    return { scope: name.scope, key: name.key, state: "broken", record: readableRecord(record), problem };
  const abandoned = record.state === "running" && record.leaseUntil <= now;
  return {
    scope: name.scope,
    key: name.key,
    state: abandoned ? "abandoned" : record.state,
    record,
    ...aheadOf(record, now),
  };
}

/** By how much a time may be ahead of a clock that was not set back: clocks that stand in for each other differ by less. */
export const aheadMsMin = 5000;

/**
 * Whether a record has times that its store's clock has yet to reach: it was ahead, and was set back. The fence is the time of the
 * last claim, or one more than that of the claim before.
 */
export function aheadOf({ createdAt, fence, settledAt = 0 }: KeyRecord, now: number): Pick<InspectedRecord, "aheadMs"> {
  const aheadMs = Math.max(createdAt, fence, settledAt) - now;
  return aheadMs > aheadMsMin ? { aheadMs } : {};
}

function claim(record: KeyRecord | undefined, request: ClaimRequest, now: number): Transition<ClaimAnswer> {
  if (record === undefined) return acquire(undefined, request, now);
  if (record.fingerprint !== request.fingerprint) return { record, answer: { kind: "mismatch" } };
  if (record.state === "done") return { record, answer: { kind: "done", result: record.result ?? new Uint8Array() } };
  // The same owner asks again: the acknowledgement of its first claim was lost.
  if (record.owner === request.owner) return acquire(record, request, now);
  if (record.leaseUntil > now) {
    return { record, answer: { kind: "in-progress", leaseMsLeft: record.leaseUntil - now } };
  }
  return takeOver(record, request, now);
}

/** The worker that had the key died, or is late: its outcome is unknown, until a claim may take it over. */
function takeOver(record: KeyRecord, request: ClaimRequest, now: number): Transition<ClaimAnswer> {
  const leaseOverMs = now - record.leaseUntil;
  const { takeOverAfterMs = Number.POSITIVE_INFINITY } = request;
  return leaseOverMs < takeOverAfterMs
    ? { record, answer: { kind: "abandoned", leaseOverMs } }
    : acquire(record, request, now);
}

/** One for all records that have none. */
const noCheckpoints: KeyRecord["checkpoints"] = Object.freeze({});

function acquire(record: KeyRecord | undefined, request: ClaimRequest, now: number): Transition<ClaimAnswer> {
  const turn =
    record?.owner === request.owner ? { attempt: record.attempt, fence: record.fence } : nextOwner(record, now);
  const acquired: KeyRecord = {
    state: "running",
    fingerprint: request.fingerprint,
    owner: request.owner,
    ...turn,
    leaseUntil: now + request.leaseMs,
    checkpoints: record?.checkpoints ?? noCheckpoints,
    createdAt: record?.createdAt ?? now,
    expiresAt: Math.max(record?.expiresAt ?? 0, now + (request.heldRetentionMs ?? Number.POSITIVE_INFINITY)),
  };
  if (request.details !== undefined) acquired.details = request.details;
  const { attempt, fence, checkpoints } = acquired;
  return { record: acquired, answer: { kind: "acquired", attempt, fence, abandoned: attempt > 1, checkpoints } };
}

function nextOwner(record: KeyRecord | undefined, now: number): { attempt: number; fence: number } {
  return record === undefined
    ? { attempt: 1, fence: now }
    : { attempt: record.attempt + 1, fence: Math.max(now, record.fence + 1) };
}

/** Changes that only the owner may make, as long as the operation was neither taken over nor settled. */
function change(
  record: KeyRecord | undefined,
  operation: Exclude<Operation, { kind: "claim" | "resolve" }>,
  now: number,
): Transition<boolean> {
  if (record?.owner !== operation.owner) return { record, answer: false };
  if (record.state === "done") return { record, answer: operation.kind === "complete" };
  switch (operation.kind) {
    case "complete":
      return { record: completeRecord(record, operation.result, operation.retentionMs, now), answer: true };
    case "renew":
      return { record: renewRecord(record, operation, now), answer: true };
    case "release":
      return { record: releaseRecord(record, now), answer: true };
    case "checkpoint": {
      const checkpoints = { ...record.checkpoints, [operation.step]: operation.result };
      return { record: { ...record, checkpoints }, answer: true };
    }
  }
}

function renewRecord(record: KeyRecord, { leaseMs, details = record.details }: RenewRequest, now: number): KeyRecord {
  const renewed = { ...record, leaseUntil: now + leaseMs };
  return details === undefined ? renewed : { ...renewed, details };
}

/**
 * A release says that its owner's attempt had no effect, which says nothing of the attempts before it: an operation that
 * was taken over is only abandoned. So even a claim that arrives after everybody gave it up, and takes an operation over
 * for an owner that is about to release another one, takes no record of an effect away.
 */
function releaseRecord(record: KeyRecord, now: number): KeyRecord | undefined {
  if (record.attempt === 1) return undefined;
  return record.leaseUntil <= now ? record : { ...record, leaseUntil: now };
}

function resolve(
  record: KeyRecord | undefined,
  settlement: ResolveRequest["settlement"],
  now: number,
): Transition<boolean> {
  if (record?.state !== "running" || record.leaseUntil > now) return { record, answer: false };
  if (settlement.as === "not-executed") return { record: undefined, answer: true };
  // Without an owner, so that a late one can't take the settlement for its own completion.
  const { result, retentionMs, note = new Uint8Array() } = settlement;
  const settled = { owner: "", settledAt: now, settlementNote: note };
  return { record: { ...completeRecord(record, result, retentionMs, now), ...settled }, answer: true };
}

function completeRecord(record: KeyRecord, result: Uint8Array, retentionMs: number, now: number): KeyRecord {
  return { ...record, state: "done", result, checkpoints: noCheckpoints, expiresAt: now + retentionMs };
}

type RecordOperations = "claim" | "complete" | "renew" | "release" | "checkpoint" | "resolve";

/** The port's changing methods for a store that runs `transition` itself. @param apply does so atomically. */
export function recordOperations(
  apply: <Asked extends Operation>(operation: Asked) => Promise<AnswerTo<Asked>>,
): Pick<AsyncStore, RecordOperations>;
export function recordOperations(
  apply: <Asked extends Operation>(operation: Asked) => Awaitable<AnswerTo<Asked>>,
): Pick<Store, RecordOperations>;
export function recordOperations(
  apply: <Asked extends Operation>(operation: Asked) => Awaitable<AnswerTo<Asked>>,
): Pick<Store, RecordOperations> {
  return {
    claim: (request) => apply({ ...request, kind: "claim" }),
    complete: (request) => apply({ ...request, kind: "complete" }),
    renew: (request) => apply({ ...request, kind: "renew" }),
    release: (request) => apply({ ...request, kind: "release" }),
    checkpoint: (request) => apply({ ...request, kind: "checkpoint" }),
    resolve: (request) => apply({ ...request, kind: "resolve" }),
  };
}

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

export function isTime(ms: number): boolean {
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
