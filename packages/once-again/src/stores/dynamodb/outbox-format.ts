import { hash, randomInt } from "node:crypto";
import type {
  ClaimedMessage,
  DiscardedMessage,
  OutboxMessage,
  UnconfirmedMessage,
  UnconfirmedState,
  WholeUnconfirmedMessage,
} from "../outbox-store.ts";
import type { StoredMessage } from "../outbox-message.ts";
import type { Item } from "./api-types.ts";
import { bytes, number, removalTime, text } from "./record-format.ts";

/*
 * How an outbox is stored. A message is one item, and so is each ordering key that has messages:
 *
 *     pk       PREFIX#outbox/ and the lane with the sequence of the message; PREFIX#outbox-key/ and the lane of the key;
 *              PREFIX#outbox-tried/ and a message's position, with the place that it goes to;
 *              PREFIX#outbox-discarded/ and a message's position
 *     queue    the partition of the index: PREFIX#free, PREFIX#key/LANE or PREFIX#parked for messages, PREFIX#keys for keys,
 *              PREFIX/tried for messages that were tried, PREFIX/discarded for those that people discarded
 *     place    the sort key of the index: the position of a message, the lane of a key
 *     due      when it may be claimed: 0 at once; a lease, or a delay
 *     owner    who claimed it: the key, or a message without one
 *
 *     id topic key headers body size refusals refusal target tried parked passed: of a message, see UnconfirmedMessage
 *     first    of a key: the sequence of its oldest message; all before it are gone
 *     last     of a key: the sequence of its newest message. A message of a key gets the next one, and commits only if that is still
 *              the next one: so the sequence is the order of the commits
 *     seen     of a key: counts the decisions of people about its parked messages
 *     ttl      of a key without messages: when DynamoDB may remove it, seconds
 *
 * A message is in one partition of the index, so another item says that it was tried. The removal of a message does not know of that
 * item: who finds it without its message removes it, or else time to live.
 *
 * The index is eventually consistent. It only names what may be claimed: what is claimed, and in which order, is read from the
 * table.
 */

/** The name of the index. */
export const indexName = "outbox";

/** The part of a position that says when the message was added, digits. Milliseconds since the epoch, until the year 2286. */
const timeDigits = 13;
/** The part that says which ordering key it has, or else is unique, digits. Keys that share a lane only wait for each other. */
const laneDigits = 19;
/** The part that numbers the messages of an ordering key, digits; 0 for one without a key. */
const sequenceDigits = 15;

/** A position, read. */
export interface Position {
  readonly addedAt: number;
  readonly lane: string;
  /** 0 for a message without a key. */
  readonly sequence: number;
}

const digits = (value: number | bigint, length: number): string => String(value).padStart(length, "0");

export function positionText({ addedAt, lane, sequence }: Position): string {
  return `${digits(addedAt, timeDigits)}${lane}${digits(sequence, sequenceDigits)}`;
}

/** How many digits a position has. */
export const positionDigits = timeDigits + laneDigits + sequenceDigits;

/** `undefined` for what is no position of such an outbox. */
export function readPosition(position: unknown): Position | undefined {
  if (typeof position !== "string" || position.length !== positionDigits || !/^\d+$/.test(position)) return undefined;
  return {
    addedAt: Number(position.slice(0, timeDigits)),
    lane: position.slice(timeDigits, timeDigits + laneDigits),
    sequence: Number(position.slice(timeDigits + laneDigits)),
  };
}

/** The lane of an ordering key. */
export function keyLane(orderingKey: string): string {
  return digits(hash("sha256", orderingKey, "buffer").readBigUInt64BE() >> 1n, laneDigits);
}

/** Lanes for messages without a key: those of one process are in their order within a millisecond. */
export function freeLanes(): () => string {
  let count = 0;
  return () => `${digits((count = (count + 1) % 1e9), 9)}${digits(randomInt(1e10), 10)}`;
}

/** The partitions of the index. No prefix of a store has this sign in it. */
export const queues = (prefix: string) => ({
  /** All of an outbox begin with it. */
  all: `${prefix}#`,
  free: `${prefix}#free`,
  keys: `${prefix}#keys`,
  parked: `${prefix}#parked`,
  /** Not among all, so that what stands there is not taken for more messages. */
  tried: `${prefix}/tried`,
  /** Likewise: messages that people discarded. */
  discarded: `${prefix}/discarded`,
  ofKey: (lane: string): string => `${prefix}#key/${lane}`,
});

export function messageKey(prefix: string, { addedAt, lane, sequence }: Position): string {
  return `${prefix}#outbox/${sequence === 0 ? addedAt : "key"}/${lane}/${sequence}`;
}

export function orderingKeyKey(prefix: string, lane: string): string {
  return `${prefix}#outbox-key/${lane}`;
}

/** For how long a key without messages is stored, milliseconds. */
export const idleKeyMs = 86_400_000;

/** The item of a new message. */
export function messageItem(prefix: string, message: StoredMessage, position: Position): Item {
  const { free, ofKey } = queues(prefix);
  const { id, topic, orderingKey, headers, body } = message;
  return {
    pk: text(messageKey(prefix, position)),
    queue: text(orderingKey === undefined ? free : ofKey(position.lane)),
    place: text(positionText(position)),
    due: number(0),
    id: text(id),
    topic: text(topic),
    ...(orderingKey !== undefined && { key: text(orderingKey) }),
    headers: text(JSON.stringify(headers)),
    body: bytes(body),
    size: number(body.byteLength),
    refusals: number(0),
  };
}

/** For how long the item that says that a message was tried is stored after the last time, milliseconds. */
const triedMs = 7 * 86_400_000;

/** The item that says that a message was tried: it names the place in its key, which every index has. */
export function triedItem(
  prefix: string,
  { position, target, triedAt }: { position: string; target: string; triedAt: number },
): Item {
  return {
    pk: text(`${prefix}#outbox-tried/${position}/${target}`),
    queue: text(queues(prefix).tried),
    place: text(position),
    due: number(0),
    // The id of the message is not known where it is given back.
    id: text(""),
    ttl: removalTime(triedAt + triedMs),
  };
}

/** The item that says that a message was discarded. */
export function discardedItem(
  prefix: string,
  message: Item,
  { note, at, expiresAt }: { note: Uint8Array; at: number; expiresAt: number },
): Item {
  const { body: _body, headers: _headers, owner: _owner, passed: _passed, ...rest } = message;
  return {
    ...rest,
    pk: text(`${prefix}#outbox-discarded/${placeOf(message)}`),
    queue: text(queues(prefix).discarded),
    due: number(0),
    note: bytes(note),
    discarded: number(at),
    expires: number(expiresAt),
    ttl: removalTime(expiresAt),
  };
}

export function readDiscarded(item: Item): DiscardedMessage {
  return {
    id: textIn(item, "id"),
    topic: textIn(item, "topic"),
    orderingKey: item["key"]?.S,
    addedAt: readPosition(placeOf(item))!.addedAt,
    position: placeOf(item),
    place: item["target"]?.S,
    refusals: numberIn(item, "refusals"),
    refusal: textIn(item, "refusal"),
    parkedAt: numberIn(item, "parked"),
    discardedAt: numberIn(item, "discarded"),
    note: Uint8Array.from(item["note"]?.B ?? []),
  };
}

/** The place that the item of a message which was tried names. */
export function targetOf(item: Item): string {
  const pk = pkOf(item);
  return pk.slice(pk.indexOf(`/${placeOf(item)}/`) + positionDigits + 2);
}

/** The attributes of an unconfirmed message but for its body. */
export const envelope = [
  "pk",
  "place",
  "id",
  "topic",
  "key",
  "headers",
  "size",
  "refusals",
  "refusal",
  "target",
  "due",
  "tried",
  "parked",
  "passed",
];

export const numberIn = (item: Item, name: string): number => Number(item[name]?.N);
const textIn = (item: Item, name: string): string => item[name]?.S ?? "";

export const idOf = (item: Item): string => textIn(item, "id");
export const pkOf = (item: Item): string => textIn(item, "pk");
export const placeOf = (item: Item): string => textIn(item, "place");
export const ownerOf = (item: Item | undefined): string | undefined => item?.["owner"]?.S;
export const isParked = (item: Item): boolean => item["parked"] !== undefined;
/** Whether a message is unconfirmed in this state. */
export const isOfState = (item: Item, state: UnconfirmedState): boolean =>
  state === "parked" ? isParked(item) : item["tried"] !== undefined && !isParked(item);
/** Whether a message waits for none of its ordering key, and none waits for it. */
export const isFree = (item: Item): boolean => item["key"] === undefined || item["passed"] !== undefined;

function readEnvelope(item: Item): Omit<OutboxMessage, "body"> {
  return {
    id: textIn(item, "id"),
    topic: textIn(item, "topic"),
    orderingKey: item["key"]?.S,
    headers: JSON.parse(textIn(item, "headers")) as Record<string, string>,
    addedAt: readPosition(placeOf(item))!.addedAt,
  };
}

const bodyIn = (item: Item): Uint8Array => Uint8Array.from(item["body"]?.B ?? []);

export function readClaimed(item: Item): ClaimedMessage {
  return { ...readEnvelope(item), body: bodyIn(item), position: placeOf(item), refusals: numberIn(item, "refusals") };
}

export function readUnconfirmed(item: Item): UnconfirmedMessage {
  const parkedAt = isParked(item) ? numberIn(item, "parked") : undefined;
  return {
    ...readEnvelope(item),
    position: placeOf(item),
    bodyBytes: numberIn(item, "size"),
    refusals: numberIn(item, "refusals"),
    refusal: textIn(item, "refusal"),
    triedAt: item["tried"] === undefined ? parkedAt! : numberIn(item, "tried"),
    place: item["target"]?.S,
    dueAt: numberIn(item, "due"),
    parkedAt,
    blocks: !isFree(item),
  };
}

export const readWholeUnconfirmed = (item: Item): WholeUnconfirmedMessage => ({
  ...readUnconfirmed(item),
  body: bodyIn(item),
});
