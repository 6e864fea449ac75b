import {
  GetItemCommand,
  type GetItemCommandOutput,
  PutItemCommand,
  type PutItemCommandOutput,
  UpdateItemCommand,
} from "@aws-sdk/client-dynamodb";
import { OnceAgainError } from "../../core/errors.ts";
import { keyQueue } from "../../core/key-queue.ts";
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
import { type DynamodbConnection, isTooLarge, type Item, namesIn, type SdkCommand } from "./client.ts";
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

type LeasedOperations = Pick<
  AsyncStore,
  "claim" | "complete" | "renew" | "release" | "checkpoint" | "resolve" | "inspect"
>;

/** Reads an item, as the last write left it. */
export async function readSeen({ connection, table }: TableParts, pk: string): Promise<Seen> {
  const command = new GetItemCommand({ TableName: table, Key: { pk: text(pk) }, ConsistentRead: true });
  const { output, time } = await connection.send<GetItemCommandOutput>(command);
  return { stored: readItem(output.Item), now: time };
}

/** A write on a condition. */
interface ConditionalUpdate {
  readonly update: string;
  readonly condition: string;
  readonly values: Item;
  readonly names?: Record<string, string>;
}

/** A write's condition, with its values. */
export interface Condition {
  readonly condition: string;
  readonly values: Item;
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
 * The condition that a key is free. A late claim takes no key again that its own owner has given back: the tombstone names it.
 *
 * @param item what is put there.
 */
export function freeCondition(item: Item, owner: string): Condition {
  return {
    condition: "attribute_not_exists(#pk) OR (#st = :released AND #owner <> :owner AND #fence < :fence)",
    values: { ":released": text("released"), ":owner": text(owner), ":fence": item["fence"]! },
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
  const keyOf = (name: RecordName): string => itemKey(parts.prefix, name);
  const read = async (name: RecordName): Promise<Seen> => readSeen(parts, keyOf(name));
  /** The requests of one owner are executed in its order: no claim of it lands after the release that followed. */
  const inTurn =
    <Request extends ReleaseRequest, Answer>(act: (request: Request) => Promise<Answer>) =>
    async (request: Request): Promise<Answer> =>
      takeTurn(JSON.stringify([keyOf(request), request.owner]), () => act(request));
  const renew = async (request: RenewRequest): Promise<boolean> =>
    (await items.change({ ...request, kind: "renew" }, planRenewal(request))).answer;

  return {
    claim: inTurn(async (request: ClaimRequest) => {
      for (;;) {
        const now = parts.time.now();
        // A process without a time asks once; from then on a first claim is one trip.
        const first = now === undefined ? await read(request) : { stored: undefined, now };
        const { answer, record, written } = await items.apply({ ...request, kind: "claim" }, first);
        if (answer.kind !== "acquired") return answer;
        // Stamped with a time of before this host slept, the lease is too short, or over: it is made as long as it was asked for.
        if (written?.wasBehind === true && !(await renew(request))) continue;
        return { ...answer, fence: record!.fence };
      }
    }),
    complete: inTurn(async (request: CompleteRequest) => {
      checkResult(request.result);
      return (await items.change({ ...request, kind: "complete" }, planCompletion(request))).answer;
    }),
    renew: inTurn(renew),
    release: inTurn(async (request: ReleaseRequest) => {
      const { answer, stored } = await items.change({ ...request, kind: "release" }, planRelease(request));
      if (!answer && stored === undefined) await items.forbid(request);
      return answer;
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

/** How an owner's record is changed. `isStamped`: it is changed, and only its end is to be written anew. */
type Plan = (now: TimeInterval, stored: StoredItem | undefined, isStamped: boolean) => ConditionalUpdate;

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
  return (now, _stored, isStamped) => {
    const expires = Math.ceil(now.latest + request.retentionMs);
    const times = { ":expires": number(expires), ":ttl": removalTime(expires), ":done": text("done") };
    if (isStamped) {
      const values = { ":owner": text(request.owner), ":one": number(1), ...times };
      const update = "SET #expires = :expires, #ttl = :ttl ADD #v :one";
      return { update, condition: "#owner = :owner AND #st = :done", values };
    }
    return {
      update:
        "SET #st = :done, #result = :result, #expires = :expires, #ttl = :ttl, #cp = :none REMOVE #held ADD #v :one",
      condition: isOwned,
      values: { ...ownedValues(request, now), ...times, ":result": bytes(request.result), ":none": { M: {} } },
    };
  };
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
      update: `SET #st = :released, #ttl = :ttl REMOVE ${left} ADD #v :one`,
      condition,
      values: { ...values, ":released": text("released"), ":ttl": tombstoneEnd(now.latest) },
    };
  };
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
    ): Promise<{ answer: AnswerTo<Asked>; record: KeyRecord | undefined; written?: AnswerTime }> {
      const pk = itemKey(prefix, operation);
      let seen = first;
      for (let conflicts = 0; conflicts <= conflictsMax; conflicts += 1) {
        const before = liveRecord(seen);
        const { record: after, answer } = transition(before, operation, seen.now.earliest);
        if (after === before) return { answer, record: before };
        const record = after && stampLate(after, seen, operation);
        const item = itemAfter(pk, operation, seen, record);
        const owner = "owner" in operation ? operation.owner : "";
        const { condition, values } =
          seen.stored === undefined ? freeCondition(item, owner) : sameCondition(seen.stored);
        const written = await put(pk, item, condition, values);
        if (!("stored" in written)) return { answer, record, written };
        if (conflicts > 0) await connection.pause(conflicts);
        seen = conflicts > 0 ? await readSeen(parts, pk) : written;
      }
      throw conflictsError();
    },
    /** Changes the owner's record in one trip; says no where it is not the owner's, and what is there instead. */
    async change(
      operation: Exclude<Operation, { kind: "claim" | "resolve" }>,
      plan: Plan,
    ): Promise<{ answer: boolean; stored?: StoredItem | undefined }> {
      const pk = itemKey(prefix, operation);
      let seen: Seen | undefined;
      let isStamped = false;
      for (let conflicts = 0; conflicts <= conflictsMax; conflicts += 1) {
        const known = time.now() ?? (await readSeen(parts, pk)).now;
        const now = { ...known, earliest: Math.min(known.earliest, seen?.now.earliest ?? known.earliest) };
        const written = await update(pk, plan(now, seen?.stored, isStamped));
        if (!("stored" in written)) {
          const isTooEarly = written.wasBehind && (operation.kind === "complete" || operation.kind === "renew");
          if (!isTooEarly || isStamped) return { answer: true };
          // By what this host slept, the end that was written comes too early: it is written once more.
          isStamped = true;
          continue;
        }
        seen = written;
        const before = liveRecord(seen);
        const { record: after, answer } = transition(before, operation, seen.now.earliest);
        if (after === before) return { answer, stored: seen.stored };
        if (conflicts > 0) await connection.pause(conflicts);
      }
      throw conflictsError();
    },
    /** A claim of this owner may still be on its way: where there is no item yet, a tombstone meets it. */
    async forbid(request: ReleaseRequest): Promise<void> {
      const pk = itemKey(prefix, request);
      const { latest } = time.now()!;
      const place = { pk, name: request, owner: request.owner };
      await put(pk, tombstone(place, { fence: latest, version: 1, now: latest }), "attribute_not_exists(#pk)", {});
    },
  };
}

/** The item that takes the place of what was seen: a record, or a tombstone. */
function itemAfter(pk: string, operation: Operation, { stored, now }: Seen, record: KeyRecord | undefined): Item {
  const version = Number(stored?.state.v?.N ?? 0) + 1;
  if (record !== undefined) return recordItem(pk, operation, record, version);
  const fence = Math.max(stored?.fence ?? 0, now.latest);
  return tombstone({ pk, name: operation, owner: "" }, { fence, version, now: now.latest });
}

/** A write that is refused answers with what is there. */
type Written = AnswerTime | Seen;

/** Writes of one item each, on a condition. */
function conditionalWrites(parts: TableParts) {
  const { connection, table } = parts;
  const write = async (pk: string, command: SdkCommand<PutItemCommandOutput>): Promise<Written> => {
    const answer = await connection.sendIf(command).catch((error: unknown) => {
      throw isTooLarge(error)
        ? resultTooLargeError("The result, or the results of the operation's steps,", error)
        : error;
    });
    if (!("refusal" in answer)) return answer.time;
    const { Item } = answer.refusal;
    return Item === undefined ? readSeen(parts, pk) : { stored: readItem(Item), now: answer.time };
  };
  return {
    put: (pk: string, item: Item, condition: string, values: Item): Promise<Written> =>
      write(
        pk,
        new PutItemCommand({
          TableName: table,
          Item: item,
          ConditionExpression: condition,
          ExpressionAttributeNames: namesIn(condition),
          ...(Object.keys(values).length > 0 && { ExpressionAttributeValues: values }),
          ReturnValuesOnConditionCheckFailure: "ALL_OLD",
        }),
      ),
    update: (pk: string, { update, condition, values, names }: ConditionalUpdate): Promise<Written> =>
      write(
        pk,
        new UpdateItemCommand({
          TableName: table,
          Key: { pk: text(pk) },
          UpdateExpression: update,
          ConditionExpression: condition,
          ExpressionAttributeNames: { ...namesIn(update, condition), ...names },
          ExpressionAttributeValues: values,
          ReturnValuesOnConditionCheckFailure: "ALL_OLD",
        }),
      ),
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
      `${resultBytesMax} bytes: set limits.resultBytesMax to it, so that this is known before the operation ends.`,
    { cause },
  );
}

export function conflictsError(): OnceAgainError {
  return new OnceAgainError(
    "ONCE_STORE_UNAVAILABLE",
    `Another write came between ${conflictsMax} times: too many ask for one key at a time.`,
  );
}
