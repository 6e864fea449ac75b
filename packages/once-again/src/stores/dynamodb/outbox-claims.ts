import type { ClaimedBatch, ClaimedMessage, ClaimMessagesRequest, OutboxStore } from "../outbox-store.ts";
import { claimRound, keylessAnewEvery, looksPerKey } from "../sql/outbox.ts";
import type { Clock } from "../../core/clock.ts";
import type { Item } from "./api-types.ts";
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
import { change, type QueueQuestion, readItems, readQueue, readTogether, requestsAtOnce } from "./outbox-items.ts";
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
export function messageClaimer(parts: TableParts, clock: Pick<Clock, "monotonic">): OutboxStore<never>["claim"] {
  const keyRound = claimRound();
  const freeRound = claimRound(keylessAnewEvery);
  const { free, keys } = queues(parts.prefix);
  const messagePace = claimPace();
  const keyPace = claimPace();

  return async ({ limit, ...request }) => {
    const messages: ClaimedMessage[] = [];
    const ofKeys: ClaimedBatch[] = [];
    const begunAt = clock.monotonic();
    const timeIn = (part: number): ClaimTime => ({
      clock,
      leaseMs: request.leaseMs,
      endsAt: begunAt + part * request.leaseMs,
    });
    const claimAll = async (): Promise<boolean> => {
      const freeTime = timeIn(messagesPart);
      const freeLook = await lookAt(parts, { queue: free, after: freeRound.last, limit }, freeTime);
      const claimOne = (found: Found) => claimMessage(parts, { ...request, ...found });
      const lastFree = await claimEach(freeLook, claimOne, messages, messagePace, freeTime);
      const hasMoreFree = freeRound.goOn(lastFree, freeLook.free.length > 0);
      const keyTime = timeIn(claimingPart);
      const keyLook = await lookAt(parts, { queue: keys, after: keyRound.last, limit }, keyTime);
      const claimLine = (found: Found) => claimKey(parts, { ...request, ...found });
      const lastKey = await claimEach(keyLook, claimLine, ofKeys, keyPace, keyTime);
      const hasMoreKeys = keyRound.goOn(lastKey, keyLook.free.length > 0);
      return hasMoreFree || hasMoreKeys;
    };
    const hasMore = await claimAll().catch((error: unknown) => {
      // On a table that refuses some requests, a claim that lost what it has would never come to its end.
      if (messages.length === 0 && ofKeys.length === 0) throw error;
      return true;
    });
    const freeBatch = messages.length > 0 ? [{ orderingKey: undefined, messages }] : [];
    return { batches: [...freeBatch, ...ofKeys], hasMore };
  };
}

/** The parts of a lease after which a claim begins no more messages, and no more keys, so that there is time to publish what it has. */
const [messagesPart, claimingPart] = [1 / 8, 1 / 4];

/** The part of a lease that claims which are sent together may take, so that the last of them end in time. */
const groupPart = 1 / 16;

/** The time that a claim has, by the monotonic clock. */
interface ClaimTime {
  readonly clock: Pick<Clock, "monotonic">;
  readonly leaseMs: number;
  readonly endsAt: number;
}

/** How many claims are sent together. A slow table answers each of many later, and relays share it: who waits too long sends fewer. */
interface ClaimPace {
  readonly width: number;
  adapt(isFast: boolean): void;
}

function claimPace(): ClaimPace {
  let width = 1;
  return {
    get width() {
      return width;
    },
    adapt(isFast) {
      width = isFast ? Math.min(requestsAtOnce, 2 * width) : Math.max(1, Math.floor(width / 2));
    },
  };
}

/** Claims what a look has shown, until the time is over, and adds it to `claimed`. How far it came; empty: to the last one. */
async function claimEach<Claimed>(
  look: Look,
  claim: (found: Found) => Promise<Claimed | undefined>,
  claimed: Claimed[],
  pace: ClaimPace,
  { clock, leaseMs, endsAt }: ClaimTime,
): Promise<string> {
  for (let from = 0; from < look.free.length;) {
    if (from > 0 && clock.monotonic() > endsAt) return placeOf(look.free[from - 1]!.entry);
    const group = look.free.slice(from, from + pace.width);
    const sentAt = clock.monotonic();
    const ends = await Promise.allSettled(group.map(claim));
    const failed = ends.find((end) => end.status === "rejected");
    pace.adapt(failed === undefined && clock.monotonic() - sentAt <= groupPart * leaseMs);
    for (const end of ends) if (end.status === "fulfilled" && end.value !== undefined) claimed.push(end.value);
    if (failed !== undefined) throw failed.reason;
    from += group.length;
  }
  return look.last;
}

/** Entries of the index that may be claimed, each with the time of the answer that showed it. */
interface Look {
  readonly free: readonly Found[];
  /** How far it came; empty: to the last one. */
  readonly last: string;
}

type Found = Pick<Lease, "entry" | "now">;

async function lookAt(
  parts: TableParts,
  { queue, after, limit }: Pick<QueueQuestion, "queue" | "after" | "limit">,
  { clock, endsAt }: ClaimTime,
): Promise<Look> {
  const free: Found[] = [];
  let from: Item | undefined;
  for (let looks = 0; looks < looksPerKey * limit && (looks === 0 || clock.monotonic() <= endsAt);) {
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
  // The look may be seconds old. The lease begins when it is asked for.
  const asked = parts.time.now() ?? now;
  const leased = await change(parts, {
    pk: pkOf(entry),
    update: "SET #owner = :owner, #due = :until",
    // The index may be late: the table decides.
    condition: "#queue = :queue AND #due <= :now",
    values: {
      ":owner": text(owner),
      ":until": number(Math.ceil(asked.latest + leaseMs)),
      ":queue": text(queue),
      ":now": number(now.earliest),
    },
  });
  // By what this host slept, the lease ends too early: it is left to end. On a slow table, one of many that are sent together waits.
  const waitMs = Math.max(1000, claimingPart * leaseMs);
  return leased === undefined || leased.time.isPast(asked, waitMs) ? undefined : leased.item;
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
