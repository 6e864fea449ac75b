import { OnceAgainError } from "../../core/errors.ts";
import { keyQueue } from "../../core/key-queue.ts";
import { putLast } from "../../core/put-last.ts";
import { recordId } from "../../key/key.ts";
import type {
  AsyncStore,
  CheckpointRequest,
  ClaimRequest,
  CompleteRequest,
  KeyRecord,
  RecordName,
  ReleaseRequest,
  RenewRequest,
  ResolveRequest,
} from "../store.ts";
import { type AnswerTo, inspectRecord, isExpired, type Operation, transition } from "../transition.ts";
import { type Answered, type DynamodbConnection, isTooLarge, type Refused } from "./connection.ts";
import type { Item } from "./api-types.ts";
import { type Change, type Condition, putOf, showsOld, updateOf } from "./conditional-write.ts";
import {
  bytes,
  itemKey,
  lifeEnd,
  number,
  readItem,
  recordItem,
  removalTime,
  stepAttribute,
  type StoredItem,
  text,
  tombstone,
  tombstoneEnd,
} from "./record-format.ts";
import type { AnswerTime, ServerTime, TimeInterval } from "./server-time.ts";

/**
 * The largest result that is stored, bytes. An item has at most 400 KB (409,600 bytes), with its name and details; the emulator moto counts
 * bytes as Base64, and a bound is worth what was tried.
 */
export const resultBytesMax = 300_000;

/** How often one operation meets another's write before it gives up; each time, another operation made progress. */
const conflictsMax = 50;

/** Of how many keys a process remembers that they are taken: it decides nothing, and spares a write that would be refused. */
const takenMax = 1000;

/** The table of a store, and the way to it. */
export interface TableParts {
  readonly connection: DynamodbConnection;
  readonly time: ServerTime;
  readonly table: string;
  readonly prefix: string;
}

/** An item as an answer showed it, and the time of that answer: an old reading decides nothing. */
export interface Seen {
  readonly stored: StoredItem | undefined;
  readonly now: TimeInterval;
}

/** An item as the last answer showed it. */
export interface SeenNow extends Seen {
  readonly now: AnswerTime;
}

type LeasedOperations = Pick<
  AsyncStore,
  "claim" | "complete" | "renew" | "release" | "checkpoint" | "resolve" | "inspect"
>;

/** Reads an item, as the last write left it. */
export async function readSeen({ connection, table }: TableParts, pk: string): Promise<SeenNow> {
  const input = { TableName: table, Key: { pk: text(pk) }, ConsistentRead: true };
  const { output, time } = await connection.send("GetItem", input);
  return { stored: readItem(output.Item), now: time };
}

/** The owner's record, as long as it is neither done nor expired. */
export const isOwned = "#owner = :owner AND #st = :running AND (#expires > :now OR #lease > :now)";

/** The values of `isOwned`, and the step of its version. */
export const ownedValues = ({ owner }: { readonly owner: string }, now: Pick<TimeInterval, "earliest">): Item => ({
  ":owner": text(owner),
  ":running": text("running"),
  ":now": number(now.earliest),
  ":one": number(1),
});

/**
 * The condition that a key is free. A late claim takes no key again that its own owner has given back: the tombstone names it. Nor one that
 * was given back after the claim was sent: its owner may have given up while another had the key.
 *
 * @param item what is put there.
 */
export function freeCondition(item: Item, owner: string, now: Pick<TimeInterval, "earliest">): Condition {
  return {
    condition:
      "attribute_not_exists(#pk) OR (#st = :released AND #owner <> :owner AND #fence < :fence AND #gone < :now)",
    values: {
      ":released": text("released"),
      ":owner": text(owner),
      ":fence": item["fence"]!,
      ":now": number(now.earliest),
    },
  };
}

/** The condition that an item is still as it was read. */
export function sameCondition({ state }: StoredItem): Condition {
  const same = (["v", "fence"] as const).map((name) =>
    state[name] === undefined ? `attribute_not_exists(#${name})` : `#${name} = :${name}`,
  );
  const values = Object.fromEntries(Object.entries(state).map(([name, value]) => [`:${name}`, value]));
  return { condition: same.join(" AND "), values };
}

/** The record in an item; none where it has expired. */
function liveRecord({ stored, now }: Seen): KeyRecord | undefined {
  const record = stored?.record;
  return record === undefined || isExpired(record, now.earliest) ? undefined : record;
}

/**
 * The operations of the port on one item each. A claim writes the record of a first attempt where the key is free, and learns in the same
 * trip what is there instead. The end of an attempt is one conditional update. Whatever else is to be done, `transition` decides, by the
 * item and the time of one answer.
 */
export function leasedOperations(parts: TableParts): LeasedOperations {
  const items = itemChanges(parts);
  const takeTurn = keyQueue();
  const taken = new Map<string, true>();
  const read = async (name: RecordName): Promise<Seen> => readSeen(parts, itemKey(parts.prefix, name));
  /** The requests of one owner are executed in its order: no claim of it lands after the release that followed. */
  const inTurn =
    <Request extends ReleaseRequest, Answer>(act: (request: Request) => Promise<Answer>) =>
    async (request: Request): Promise<Answer> =>
      takeTurn(JSON.stringify([request.scope, request.key, request.owner]), () => act(request));

  return {
    claim: inTurn(async (request: ClaimRequest) => {
      const now = parts.time.now();
      const id = recordId(request);
      // A process without a time asks once; from then on a first claim is one trip. So is a repeat: a read, which is cheaper than a
      // write that is refused, where this process knows that the key is taken.
      const first = now === undefined || taken.has(id) ? await read(request) : { stored: undefined, now };
      const { answer, record } = await items.apply({ ...request, kind: "claim" }, first);
      if (answer.kind !== "acquired") {
        putLast(taken, id, true, takenMax);
        return answer;
      }
      taken.delete(id);
      return { ...answer, fence: record!.fence };
    }),
    complete: inTurn(async (request: CompleteRequest) => {
      checkResult(request.result);
      const { answer } = await items.change({ ...request, kind: "complete" }, planCompletion(request));
      putLast(taken, recordId(request), true, takenMax);
      return answer;
    }),
    renew: inTurn(
      async (request: RenewRequest) => (await items.change({ ...request, kind: "renew" }, planRenewal(request))).answer,
    ),
    release: inTurn(async (request: ReleaseRequest) => {
      for (let tries = 1; tries <= conflictsMax; tries += 1) {
        const { answer, seen } = await items.change({ ...request, kind: "release" }, planRelease(request));
        if (answer || seen === undefined || (await forbidClaim(parts, request, seen))) return answer;
        await parts.connection.pause(tries);
      }
      throw conflictsError();
    }),
    checkpoint: inTurn(
      async (request: CheckpointRequest) =>
        (await items.change({ ...request, kind: "checkpoint" }, planCheckpoint(request))).answer,
    ),
    async resolve(request: ResolveRequest) {
      if (request.settlement.as === "done") checkResult(request.settlement.result);
      return (await items.apply({ ...request, kind: "resolve" }, await read(request))).answer;
    },
    async inspect(name) {
      const seen = await read(name);
      const record = liveRecord(seen);
      return record && inspectRecord(name, record, seen.now.earliest);
    },
  };
}

type DoneRequest = Omit<CompleteRequest, "result">;

/** How an owner's record is changed. `isStamped`: it is changed, and only its end is to be written anew. */
type Plan = (now: TimeInterval, stored: StoredItem | undefined, isStamped: boolean) => OwnChange;

/** A change of the one item that an operation is about. */
type OwnChange = Omit<Change, "pk">;

function planRenewal(request: RenewRequest): Plan {
  return (now, stored) => {
    const lease = request.leaseMs === 0 ? now.ended : Math.ceil(now.latest + request.leaseMs);
    const { details } = request;
    const isHeldFor = stored?.isHeldFor === true;
    const ttl = isHeldFor ? removalTime(lifeEnd({ ...stored.record!, leaseUntil: lease })) : undefined;
    const more = `${details ? ", #details = :details" : ""}${ttl ? ", #ttl = :ttl" : ""}`;
    return {
      update: `SET #lease = :lease${more} ADD #v :one`,
      // DynamoDB must not remove a record under its owner: where it has a time for that, the time is moved, too.
      condition: isHeldFor ? isOwned : `${isOwned} AND attribute_not_exists(#held)`,
      values: {
        ...ownedValues(request, now),
        ":lease": number(lease),
        ...(details && { ":details": bytes(details) }),
        ...(ttl && { ":ttl": ttl }),
      },
    };
  };
}

function planCompletion(request: CompleteRequest): Plan {
  return (now, _stored, isStamped) =>
    isStamped
      ? planEnd(request, now)
      : {
          update:
            "SET #st = :done, #result = :result, #expires = :expires, #ttl = :ttl, #cp = :none REMOVE #held ADD #v :one",
          condition: isOwned,
          values: {
            ...ownedValues(request, now),
            ...endValues(request, now),
            ":result": bytes(request.result),
            ":none": { M: {} },
          },
        };
}

/** Of a record that is done, only its end. */
function planEnd(request: DoneRequest, now: TimeInterval): OwnChange {
  return {
    update: "SET #expires = :expires, #ttl = :ttl ADD #v :one",
    condition: "#owner = :owner AND #st = :done",
    values: { ":owner": text(request.owner), ":one": number(1), ...endValues(request, now) },
  };
}

function endValues({ retentionMs }: DoneRequest, now: TimeInterval): Item {
  const expires = Math.ceil(now.latest + retentionMs);
  return { ":expires": number(expires), ":ttl": removalTime(expires), ":done": text("done") };
}

function planCheckpoint(request: CheckpointRequest): Plan {
  return (now) => ({
    update: "SET #cp.#step = :result ADD #v :one",
    condition: isOwned,
    values: { ...ownedValues(request, now), ":result": bytes(request.result) },
    names: { "#step": stepAttribute(request.step) },
  });
}

/** A first attempt leaves a tombstone. A later one is abandoned: an earlier attempt may have had an effect. */
function planRelease(request: ReleaseRequest): Plan {
  return (now, stored) => {
    const attempt = stored?.record?.attempt ?? 1;
    const values = { ...ownedValues(request, now), ":attempt": number(attempt) };
    const condition = `${isOwned} AND #attempt = :attempt`;
    if (attempt > 1) {
      const lease = Math.min(stored!.record!.leaseUntil, now.ended);
      return { update: "SET #lease = :lease ADD #v :one", condition, values: { ...values, ":lease": number(lease) } };
    }
    const left = "#cp, #result, #details, #held, #fp, #lease, #expires, #created, #attempt";
    return {
      update: `SET #st = :released, #gone = :gone, #ttl = :ttl REMOVE ${left} ADD #v :one`,
      condition,
      values: {
        ...values,
        ":released": text("released"),
        ":gone": number(now.latest),
        ":ttl": tombstoneEnd(now.latest),
      },
    };
  };
}

/** Writes the end of an owner's done record anew. */
export function stampEnd(parts: TableParts, request: DoneRequest): Promise<unknown> {
  return conditionalWrites(parts).update(itemKey(parts.prefix, request), planEnd(request, parts.time.now()!));
}

/** Changes of items, each by the rules of `transition`. */
function itemChanges(parts: TableParts) {
  const { connection, time, prefix } = parts;
  const { put, update } = conditionalWrites(parts);

  return {
    /** Decides by what was seen, and writes, until no other write comes between. */
    async apply<Asked extends Operation>(
      operation: Asked,
      first: Seen,
    ): Promise<{ answer: AnswerTo<Asked>; record: KeyRecord | undefined }> {
      const pk = itemKey(prefix, operation);
      let seen = first;
      /** The answer of a write that has an end too early. */
      let early: { answer: AnswerTo<Asked>; record: KeyRecord | undefined } | undefined;
      for (let conflicts = 0; conflicts <= conflictsMax; conflicts += 1) {
        const before = liveRecord(seen);
        const { record: after, answer } = transition(before, operation, seen.now.earliest);
        if (after === before) return early ?? { answer, record: before };
        const record = after && stampLate(after, seen, operation);
        const item = itemAfter(pk, operation, seen, record);
        const owner = "owner" in operation ? operation.owner : "";
        const condition = seen.stored === undefined ? freeCondition(item, owner, seen.now) : sameCondition(seen.stored);
        const written = await put(pk, item, condition);
        if (!("stored" in written)) {
          if (!written.isPast(seen.now)) return early ?? { answer, record };
          // It was stamped with a time of before this host slept. A lease is too short, or over: its owner claims it once more.
          // A decision is written once more in the place of itself, so that its result stays for its whole time.
          const there = readItem(item)!;
          if (operation.kind !== "claim") early ??= { answer, record };
          seen = { stored: operation.kind === "claim" ? there : { ...there, record: before }, now: written };
          continue;
        }
        // Another has written since, by which the end no longer matters.
        if (early !== undefined) return early;
        if (conflicts > 0) await connection.pause(conflicts);
        seen = conflicts > 0 ? await readSeen(parts, pk) : written;
      }
      throw conflictsError();
    },
    /** Changes the owner's record in one trip; says no where it is not the owner's, and what is there instead. */
    async change(
      operation: Exclude<Operation, { kind: "claim" | "resolve" }>,
      plan: Plan,
    ): Promise<{ answer: boolean; seen?: Seen }> {
      const pk = itemKey(prefix, operation);
      let seen: Seen | undefined;
      let isStamped = false;
      for (let conflicts = 0; conflicts <= conflictsMax; conflicts += 1) {
        const known = time.now() ?? (await readSeen(parts, pk)).now;
        const now = { ...known, earliest: Math.min(known.earliest, seen?.now.earliest ?? known.earliest) };
        const written = await update(pk, plan(now, seen?.stored, isStamped));
        const answeredAt = "stored" in written ? written.now : written;
        const hasEnd = operation.kind === "complete" || operation.kind === "renew";
        // By what this host slept, the end that was written comes too early: it is written once more.
        const isTooEarly = hasEnd && !isStamped && answeredAt.isPast(now);
        if (!("stored" in written)) {
          if (!isTooEarly) return { answer: true };
          isStamped = true;
          continue;
        }
        seen = written;
        if (isTooEarly && seen.stored?.record?.state === "done" && seen.stored.owner === operation.owner) {
          // It was written, its answer was lost, and the client of AWS has asked again.
          isStamped = true;
          continue;
        }
        const before = liveRecord(seen);
        const { record: after, answer } = transition(before, operation, seen.now.earliest);
        if (after === before) return { answer, seen };
        if (conflicts > 0) await connection.pause(conflicts);
      }
      throw conflictsError();
    },
  };
}

/**
 * A claim of this owner may still be on its way: a tombstone meets it, in the place that it would take. A living record of another is
 * not its place, nor is one when that is given back. `false`: another write came between.
 */
async function forbidClaim(parts: TableParts, request: ReleaseRequest, seen: Seen): Promise<boolean> {
  const { stored } = seen;
  const isForbidden = stored?.record === undefined && stored?.owner === request.owner;
  if (isForbidden || liveRecord(seen) !== undefined) return true;
  const pk = itemKey(parts.prefix, request);
  const condition =
    stored === undefined ? { condition: "attribute_not_exists(#pk)", values: {} } : sameCondition(stored);
  const now = parts.time.now()!;
  const item = tombstoneAfter(pk, { name: request, owner: request.owner }, { stored, now });
  return !("stored" in (await conditionalWrites(parts).put(pk, item, condition)));
}

/** The item that takes the place of what was seen: a record, or a tombstone. */
function itemAfter(pk: string, operation: Operation, seen: Seen, record: KeyRecord | undefined): Item {
  return record === undefined
    ? tombstoneAfter(pk, { name: operation, owner: "" }, seen)
    : recordItem(pk, operation, record, versionAfter(seen.stored));
}

function tombstoneAfter(
  pk: string,
  { name, owner }: { readonly name: RecordName; readonly owner: string },
  { stored, now: { latest } }: Seen,
): Item {
  const fence = Math.max(stored?.fence ?? 0, latest);
  return tombstone({ pk, name, owner }, { fence, version: versionAfter(stored), now: latest });
}

function versionAfter(stored: StoredItem | undefined): number {
  return Number(stored?.state.v?.N ?? 0) + 1;
}

/** A write that is refused answers with what is there. */
type Written = AnswerTime | SeenNow;

/** Writes of one item each, on a condition. */
function conditionalWrites(parts: TableParts) {
  const { connection, table } = parts;
  const writtenBy = async (pk: string, sent: Promise<Answered<object> | Refused>): Promise<Written> => {
    const answer = await sent.catch((error: unknown) => {
      throw isTooLarge(error)
        ? resultTooLargeError("The result, or the results of the operation's steps,", error)
        : error;
    });
    if (!("refusal" in answer)) return answer.time;
    const { Item } = answer.refusal;
    return Item === undefined ? readSeen(parts, pk) : { stored: readItem(Item), now: answer.time };
  };
  return {
    put: (pk: string, item: Item, condition: Condition): Promise<Written> =>
      writtenBy(pk, connection.sendIf("PutItem", { ...putOf(table, item, condition), ...showsOld })),
    update: (pk: string, change: OwnChange): Promise<Written> =>
      writtenBy(pk, connection.sendIf("UpdateItem", { ...updateOf(table, { pk, ...change }), ...showsOld })),
  };
}

/**
 * Moves what was stamped with the earliest time to the latest: a lease never ends before its time by any clock. One that ends at once
 * has no length to keep. The fence of a key grows past all that were given before.
 */
function stampLate(record: KeyRecord, seen: Seen, operation: Operation): KeyRecord {
  const { stored, now } = seen;
  const before = liveRecord(seen);
  // Nothing comes before the time at which its record was made, also where that was stamped when less was known of the time.
  const doubt = Math.max(now.latest, before?.createdAt ?? 0) - now.earliest;
  const later = (ms: number): number => Math.ceil(ms + doubt);
  const isNew = record.createdAt === now.earliest && record.createdAt !== before?.createdAt;
  const leaseUntil =
    operation.kind !== "claim" ? record.leaseUntil : operation.leaseMs > 0 ? later(record.leaseUntil) : now.ended;
  const isNewFence = record.fence !== before?.fence || record.owner !== before.owner;
  return {
    ...record,
    ...(isNew && { createdAt: later(record.createdAt) }),
    leaseUntil,
    ...(record.expiresAt !== before?.expiresAt && { expiresAt: later(record.expiresAt) }),
    ...(record.settledAt !== undefined && { settledAt: later(record.settledAt) }),
    ...(isNewFence && record.owner !== "" && { fence: Math.max(record.fence, now.latest, (stored?.fence ?? 0) + 1) }),
  };
}

/** @throws OnceAgainError `ONCE_RESULT_TOO_LARGE`. */
export function checkResult(result: Uint8Array): void {
  if (result.byteLength > resultBytesMax) throw resultTooLargeError(`The result has ${result.byteLength} bytes, and`);
}

function resultTooLargeError(subject: string, cause?: unknown): OnceAgainError {
  return new OnceAgainError(
    "ONCE_RESULT_TOO_LARGE",
    `${subject} would be larger than an item of DynamoDB may be. Answer with a link to what is large; a result has at most ` +
      `${resultBytesMax} bytes.`,
    { cause },
  );
}

export function conflictsError(): OnceAgainError {
  return new OnceAgainError(
    "ONCE_STORE_UNAVAILABLE",
    `Another write came between ${conflictsMax} times: too many ask for one key at a time.`,
  );
}
