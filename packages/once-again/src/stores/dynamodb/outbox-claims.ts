import type { ClaimedBatch, ClaimedMessage, ClaimMessagesRequest, OutboxStore } from "../outbox-store.ts";
import { claimRound, keylessAnewEvery, looksPerKey } from "../sql/outbox.ts";
import type { Item } from "./client.ts";
import type { TableParts } from "./leased-operations.ts";
import {
  isFree,
  idleKeyMs,
  isParked,
  messageKey,
  numberIn,
  pkOf,
  placeOf,
  queues,
  readClaimed,
} from "./outbox-format.ts";
import { change, groups, readItems, readQueue, readTogether, requestsAtOnce } from "./outbox-items.ts";
import { number, removalTime, text } from "./record-format.ts";
import type { TimeInterval } from "./server-time.ts";

/** How many entries of the index one request looks at. */
const pageMax = 200;

/** Who claims, and until when. */
interface Lease extends Pick<ClaimMessagesRequest, "owner" | "leaseMs" | "messagesPerKey"> {
  /** The entry of the index that was free, by the answer that showed it. */
  readonly entry: Item;
  readonly now: TimeInterval;
}

/** Claims messages without a key, and keys that have messages, each by one write on the condition that it is free. */
export function messageClaimer(parts: TableParts): OutboxStore<never>["claim"] {
  const keyRound = claimRound();
  const freeRound = claimRound(keylessAnewEvery);
  const { free, keys } = queues(parts.prefix);

  return async ({ limit, ...request }) => {
    const freeLook = await lookAt(parts, free, freeRound.last, limit);
    const messages = await claimEach(
      parts,
      freeLook,
      (found) => claimMessage(parts, { ...request, ...found }),
      request,
    );
    const keyLook = await lookAt(parts, keys, keyRound.last, limit);
    const ofKeys = await claimEach(parts, keyLook, (found) => claimKey(parts, { ...request, ...found }), request);
    const hasMoreFree = freeRound.goOn(messages.last, freeLook.free.length > 0);
    const hasMoreKeys = keyRound.goOn(ofKeys.last, keyLook.free.length > 0);
    const claimed = messages.claimed;
    const freeBatch = claimed.length > 0 ? [{ orderingKey: undefined, messages: claimed }] : [];
    return {
      batches: [...freeBatch, ...ofKeys.claimed],
      hasMore: hasMoreFree || hasMoreKeys,
    };
  };
}

/** Of a lease, the part after which a claim takes no more, so that there is time to publish what it has. */
const claimingPart = 0.25;

/** Claims what a look has shown, with some at a time. */
async function claimEach<Claimed>(
  parts: TableParts,
  look: Look,
  claim: (found: Found) => Promise<Claimed | undefined>,
  { leaseMs }: Pick<Lease, "leaseMs">,
): Promise<{ claimed: Claimed[]; last: string }> {
  const claimed: Claimed[] = [];
  let last = look.last;
  for (const [index, group] of groups(look.free, requestsAtOnce).entries()) {
    const spentMs = parts.time.now()!.at - look.free[0]!.now.at;
    if (index > 0 && spentMs > claimingPart * leaseMs) return { claimed, last };
    claimed.push(...(await Promise.all(group.map(claim))).filter((one) => one !== undefined));
    last = (index + 1) * requestsAtOnce < look.free.length ? placeOf(group.at(-1)!.entry) : look.last;
  }
  return { claimed, last };
}

/** Entries of the index that may be claimed, each with the time of the answer that showed it. */
interface Look {
  readonly free: readonly Found[];
  /** How far it came; empty: to the last one. */
  readonly last: string;
}

type Found = Pick<Lease, "entry" | "now">;

async function lookAt(parts: TableParts, queue: string, after: string, limit: number): Promise<Look> {
  const free: Found[] = [];
  let from: Item | undefined;
  for (let looks = 0; looks < looksPerKey * limit;) {
    const page = await readQueue(parts, { queue, after, limit: Math.min(pageMax, looksPerKey * limit - looks), from });
    for (const entry of page.entries) {
      if (numberIn(entry, "due") <= page.time.earliest) free.push({ entry, now: page.time });
      if (free.length === limit) return { free, last: placeOf(entry) };
    }
    looks += page.entries.length;
    from = page.next;
    if (from === undefined) return { free, last: "" };
  }
  return { free, last: from === undefined ? "" : placeOf(from) };
}

/** Leases an item of the index; the item as it is then. */
async function lease(
  parts: TableParts,
  queue: string,
  { entry, now, owner, leaseMs }: Lease,
): Promise<Item | undefined> {
  const until = Math.ceil(now.latest + leaseMs);
  const leased = await change(parts, {
    pk: pkOf(entry),
    update: "SET #owner = :owner, #due = :until",
    // The index may be late: the table decides.
    condition: "#queue = :queue AND #due <= :now",
    values: { ":owner": text(owner), ":until": number(until), ":queue": text(queue), ":now": number(now.earliest) },
  });
  // By what this host slept, the lease ends too early: it is left to end.
  return leased === undefined || leased.time.isPast(now) ? undefined : leased.item;
}

async function claimMessage(parts: TableParts, found: Lease): Promise<ClaimedMessage | undefined> {
  const item = await lease(parts, queues(parts.prefix).free, found);
  return item && readClaimed(item);
}

/** Claims a key with its oldest messages: those before one that is parked, or has to wait. */
async function claimKey(parts: TableParts, found: Lease): Promise<ClaimedBatch | undefined> {
  const item = await lease(parts, queues(parts.prefix).keys, found);
  if (item === undefined) return undefined;
  const messages = await readLine(parts, item, found.messagesPerKey);
  const [head] = messages;
  const isHead = "#owner = :owner AND #seen = :seen AND #last = :last";
  const values = { ":owner": text(found.owner), ":seen": item["seen"]!, ":last": item["last"]!, ":zero": number(0) };
  const end = (update: string, more: Item = {}) =>
    change(parts, { pk: pkOf(item), update, condition: isHead, values: { ...values, ...more } });
  const giveBack = () => change(parts, { ...backAtOnce(pkOf(item)), values });

  if (head === undefined) {
    const empty = "SET #first = :first, #ttl = :ttl REMOVE #queue, #place, #owner";
    const gone = await end(empty, { ":first": number(numberIn(item, "last") + 1), ":ttl": idleKeyEnd(found.now) });
    // Something was added meanwhile.
    if (gone === undefined) await giveBack();
    return undefined;
  }
  const first = { ":first": number(head.sequence) };
  if (isParked(head.item)) {
    // It comes into the index again when a person has decided.
    const blocked = await end("SET #first = :first, #due = :zero REMOVE #queue, #place, #owner", first);
    if (blocked === undefined) await giveBack();
    return undefined;
  }
  const due = numberIn(head.item, "due");
  if (due > found.now.earliest) {
    const delayed = await end("SET #first = :first, #due = :due REMOVE #owner", { ...first, ":due": number(due) });
    if (delayed === undefined) await giveBack();
    return undefined;
  }
  if (head.sequence !== numberIn(item, "first")) {
    const moved = await change(parts, {
      pk: pkOf(item),
      update: "SET #first = :first",
      condition: "#owner = :owner",
      values: { ...values, ...first },
    });
    if (moved === undefined) return undefined;
  }
  const waits = messages.findIndex((one) => isParked(one.item) || numberIn(one.item, "due") > found.now.earliest);
  const claimed = messages.slice(0, waits < 0 ? undefined : waits).map((one) => readClaimed(one.item));
  return { orderingKey: claimed[0]!.orderingKey, messages: claimed };
}

/** The change by which an owner gives a key back, to be claimed at once. */
const backAtOnce = (pk: string) => ({ pk, update: "SET #due = :zero REMOVE #owner", condition: "#owner = :owner" });

/** When DynamoDB may remove a key without messages. */
export const idleKeyEnd = (now: TimeInterval): { N: string } => removalTime(now.latest + idleKeyMs);

/** A message in the line of its key. */
interface LineMessage {
  readonly sequence: number;
  readonly item: Item;
}

/** The oldest messages of a key that are in its line, in their order. */
async function readLine(parts: TableParts, key: Item, messagesMax: number): Promise<LineMessage[]> {
  const lane = placeOf(key);
  const [oldest, newest] = [numberIn(key, "first"), numberIn(key, "last")];
  const line: LineMessage[] = [];
  for (let from = oldest; from <= newest && line.length < messagesMax;) {
    const sequences = Array.from({ length: Math.min(messagesMax, newest - from + 1) }, (_, index) => from + index);
    const keyOf = (sequence: number): string => messageKey(parts.prefix, { addedAt: 0, lane, sequence });
    const items = await readItems(parts, sequences.map(keyOf));
    const missing = sequences.map(keyOf).filter((pk) => !items.has(pk));
    // The key shows numbers of messages that a transaction may not have written yet. None is passed for that.
    const late = missing.length > 0 ? await readTogether(parts, missing) : items;
    for (const sequence of sequences) {
      const item = items.get(keyOf(sequence)) ?? late.get(keyOf(sequence));
      if (item !== undefined && !isFree(item) && line.length < messagesMax) line.push({ sequence, item });
    }
    from += sequences.length;
  }
  return line;
}
