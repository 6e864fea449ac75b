import type { PostponeRequest } from "../outbox-store.ts";
import { type checkDiscarding, storedRefusal } from "../sql/outbox.ts";
import type { TableParts } from "./leased-operations.ts";
import type { Item, TransactWriteItem } from "./api-types.ts";
import { idleKeyEnd } from "./outbox-claims.ts";
import {
  discardedItem,
  isFree,
  messageKey,
  numberIn,
  orderingKeyKey,
  ownerOf,
  pkOf,
  placeOf,
  type Position,
  queues,
  readPosition,
  triedItem,
} from "./outbox-format.ts";
import { type Change, checkOf, updateOf } from "./conditional-write.ts";
import { change, deleteItems, forEach, putItems, readOne, writeTogether } from "./outbox-items.ts";
import { number, text } from "./record-format.ts";
import type { TimeInterval } from "./server-time.ts";

/** Removes messages. A key that loses its oldest one is free again. */
export async function confirmMessages(parts: TableParts, positions: readonly string[]): Promise<void> {
  const read = positions.map(readPosition).filter((position) => position !== undefined);
  await deleteItems(parts, [...new Set(read.map((position) => messageKey(parts.prefix, position)))]);
  const keyed = Map.groupBy(
    read.filter(({ sequence }) => sequence > 0),
    ({ lane }) => lane,
  );
  const runs = [...keyed].flatMap(([lane, ofKey]) =>
    runsOf(ofKey.map(({ sequence }) => sequence)).map((run) => ({ lane, ...run })),
  );
  await forEach(runs, (run) => moveFirst(parts, run));
}

/** Numbers that follow each other. */
interface Run {
  readonly low: number;
  readonly high: number;
}

function runsOf(numbers: readonly number[]): Run[] {
  const runs: Run[] = [];
  for (const one of [...new Set(numbers)].sort((a, b) => a - b)) {
    const last = runs.at(-1);
    if (last?.high === one - 1) runs[runs.length - 1] = { ...last, high: one };
    else runs.push({ low: one, high: one });
  }
  return runs;
}

/** A process that dies before it leaves the key leased, and its next owner finds out what is gone. */
async function moveFirst(parts: TableParts, { lane, low, high }: Run & { readonly lane: string }): Promise<void> {
  const pk = orderingKeyKey(parts.prefix, lane);
  const isFirst = "#first BETWEEN :low AND :high";
  const values = {
    ":low": number(low),
    ":high": number(high),
    ":first": number(high + 1),
    ":zero": number(0),
    ":ttl": idleKeyEnd(parts.time.now()!),
  };
  const isEmpty = await change(parts, {
    pk,
    update: "SET #first = :first, #due = :zero, #ttl = :ttl REMOVE #queue, #place, #owner",
    condition: `${isFirst} AND #last = :high`,
    values,
  });
  if (isEmpty !== undefined) return;
  await change(parts, { pk, update: "SET #first = :first, #due = :zero REMOVE #owner", condition: isFirst, values });
}

/** A message that is given back. */
interface End extends PostponeRequest {
  readonly at: Position;
}

/** Gives messages back that the owner still holds: those without a key one by one, those of a key by the lease of the key. */
export async function postponeMessages(parts: TableParts, requests: readonly PostponeRequest[]): Promise<void> {
  const ends = requests.flatMap((request): End[] => {
    const at = readPosition(request.position);
    return at === undefined ? [] : [{ ...request, at }];
  });
  await noteTried(parts, ends);
  const [free, keyed] = [ends.filter(({ at }) => at.sequence === 0), ends.filter(({ at }) => at.sequence > 0)];
  await forEach(free, (end) => postponeFree(parts, end));
  const byOwner = Map.groupBy(keyed, ({ owner, at }) => `${at.lane} ${owner}`);
  await forEach([...byOwner.values()], (ofKey) => postponeOfKey(parts, ofKey));
}

/** Writes that messages were tried, before the messages: then none is unconfirmed without being found. */
async function noteTried(parts: TableParts, ends: readonly End[]): Promise<void> {
  const tried = new Map<string, End>();
  for (const end of ends) if (end.refusal !== undefined && end.park === undefined) tried.set(end.position, end);
  const [first] = tried.values();
  if (first === undefined) return;
  const { latest: triedAt } = await timeFor(parts, first);
  const items = [...tried.values()].map(({ position, place = "" }) =>
    triedItem(parts.prefix, { position, target: place, triedAt }),
  );
  await putItems(parts, items);
}

/** The server's time, which the first request of a process has to ask for. */
async function timeFor(parts: TableParts, { at }: End): Promise<TimeInterval> {
  return parts.time.now() ?? (await readOne(parts, messageKey(parts.prefix, at))).time;
}

/** One that has no key, or that the others of its key have passed: the lease is its own. */
async function postponeFree(parts: TableParts, end: End): Promise<void> {
  await change(parts, postponement(parts, end, await timeFor(parts, end), "#owner = :owner"));
}

/** The change to a message that is given back. */
function postponement(parts: TableParts, end: End, now: TimeInterval, condition: string): Change {
  const { owner, place, refusal, refusals, park } = end;
  const { parked } = queues(parts.prefix);
  const counted = refusals === undefined ? "#refusals + :one" : ":refusals";
  const changes = [
    "#due = :due",
    ...(refusal === undefined ? [] : ["#refusal = :refusal", `#refusals = ${counted}`, "#tried = :now"]),
    ...(place === undefined ? [] : ["#target = :target"]),
    ...(park === undefined ? [] : ["#parked = :now", "#queue = :parked"]),
    ...(park === "pass" && end.at.sequence > 0 ? ["#passed = :true"] : []),
  ];
  return {
    pk: messageKey(parts.prefix, end.at),
    update: `SET ${changes.join(", ")} REMOVE #owner`,
    condition,
    values: {
      ":owner": text(owner),
      ":due": dueIn(end, now),
      ":refusal": text(storedRefusal(refusal) ?? ""),
      ":refusals": number(refusals ?? 0),
      ":one": number(1),
      ":now": number(now.latest),
      ":target": text(place ?? ""),
      ":parked": text(parked),
      ":true": { BOOL: true },
    },
  };
}

function dueIn({ delayMs }: PostponeRequest, now: TimeInterval): { N: string } {
  return number(delayMs > 0 ? Math.ceil(now.latest + delayMs) : 0);
}

/** The oldest one goes back last, and the lease of the key with it: until then the owner holds those behind it. */
async function postponeOfKey(parts: TableParts, ends: readonly End[]): Promise<void> {
  const [{ owner, at }] = ends as [End];
  const pk = orderingKeyKey(parts.prefix, at.lane);
  const { item: key, time: now } = await readOne(parts, pk);
  if (key === undefined || ownerOf(key) !== owner) {
    await forEach(ends, (end) => postponeFree(parts, end));
    return;
  }
  const first = numberIn(key, "first");
  const behind = ends.filter((end) => end.at.sequence !== first);
  const isHolder = { condition: "#owner = :owner", values: { ":owner": text(owner) } };
  const write = async (end: End, ofKey: TransactWriteItem): Promise<void> => {
    const isInLine = "attribute_exists(#pk) AND attribute_not_exists(#parked) AND attribute_not_exists(#passed)";
    const message = { Update: updateOf(parts.table, postponement(parts, end, now, isInLine)) };
    if (!(await writeTogether(parts, [ofKey, message]))) await postponeFree(parts, end);
  };
  for (const end of behind) {
    await write(end, { ConditionCheck: checkOf(parts.table, pk, isHolder) });
  }
  const oldest = ends.find((end) => end.at.sequence === first);
  if (oldest === undefined) return;
  const isBlocked = oldest.park === "block";
  const due = oldest.park === undefined ? dueIn(oldest, now) : number(0);
  const back = {
    pk,
    update: `SET #due = :due REMOVE #owner${isBlocked ? ", #queue, #place" : ""}`,
    condition: isHolder.condition,
    values: { ...isHolder.values, ":due": due },
  };
  await write(oldest, { Update: updateOf(parts.table, back) });
}

/** Has a parked message published again, in its old place: until then it is one that was tried. `false`: it is not parked any more. */
export async function retryMessage(parts: TableParts, item: Item): Promise<boolean> {
  const { free, ofKey } = queues(parts.prefix);
  const position = placeOf(item);
  const { lane } = readPosition(position)!;
  const parkedAt = numberIn(item, "parked");
  const again = updateOf(parts.table, {
    pk: pkOf(item),
    update:
      "SET #refusals = :zero, #due = :zero, #queue = :queue, #tried = if_not_exists(#tried, :parked) REMOVE #parked",
    condition: isStillParked,
    values: { ":zero": number(0), ":queue": text(isFree(item) ? free : ofKey(lane)), ":parked": number(parkedAt) },
  });
  const tried = triedItem(parts.prefix, {
    position,
    target: item["target"]?.S ?? "",
    triedAt: parts.time.now()!.latest,
  });
  return writeTogether(parts, [
    { Update: again },
    { Put: { TableName: parts.table, Item: tried } },
    ...keyAgain(parts, item),
  ]);
}

/** Removes a parked message. `false`: it is not parked any more. */
export async function discardMessage(
  parts: TableParts,
  item: Item,
  { note, retentionMs }: ReturnType<typeof checkDiscarding>,
): Promise<boolean> {
  const at = parts.time.now()!.latest;
  const discarded = discardedItem(parts.prefix, item, { note, at, expiresAt: at + retentionMs });
  const gone = {
    TableName: parts.table,
    Key: { pk: item["pk"]! },
    ConditionExpression: "attribute_exists(parked)",
  };
  return writeTogether(parts, [
    { Delete: gone },
    { Put: { TableName: parts.table, Item: discarded } },
    ...keyAgain(parts, item),
  ]);
}

const isStillParked = "attribute_exists(#parked)";

/** The key of a message comes into the index again, in which it is not while its oldest message is parked. */
function keyAgain(parts: TableParts, item: Item): TransactWriteItem[] {
  if (isFree(item)) return [];
  const { lane } = readPosition(placeOf(item))!;
  const again = {
    pk: orderingKeyKey(parts.prefix, lane),
    update: "SET #queue = :queue, #place = :place ADD #seen :one",
    condition: "attribute_exists(#pk)",
    values: { ":queue": text(queues(parts.prefix).keys), ":place": text(lane), ":one": number(1) },
  };
  return [{ Update: updateOf(parts.table, again) }];
}
