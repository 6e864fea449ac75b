import type { Clock } from "../../core/clock.ts";
import { sharedTimers } from "../../core/deadline-timer.ts";
import { keyQueue } from "../../core/key-queue.ts";
import { checkNames, type OptionNames } from "../../core/option-names.ts";
import { checkNumber, invalidOptionError } from "../../core/options.ts";
import { systemRandom } from "../../core/random.ts";
import { systemClock } from "../../core/system-clock.ts";
import { checkAfter, checkListLimit } from "../list-records.ts";
import { storedMessage, type StoredMessage } from "../outbox-message.ts";
import type { OutboxBacklog, OutboxStore } from "../outbox-store.ts";
import { showParkedMax } from "../sql/outbox.ts";
import { checkPrefix, checkTable, dynamodbConnection, namesIn, type Transport } from "./connection.ts";
import type { TableParts } from "./leased-operations.ts";
import type { Item } from "./api-types.ts";
import { messageClaimer } from "./outbox-claims.ts";
import { confirmMessages, discardMessage, postponeMessages, retryMessage } from "./outbox-ends.ts";
import {
  envelope,
  freeLanes,
  indexName,
  isParked,
  keyLane,
  messageItem,
  numberIn,
  orderingKeyKey,
  pkOf,
  placeOf,
  type Position,
  positionDigits,
  queues,
  readParked,
  readPosition,
  readWholeParked,
} from "./outbox-format.ts";
import { type Change, forEach, readItems, readOne, readQueue, updateOf } from "./outbox-items.ts";
import { number, text } from "./record-format.ts";
import { type ServerTime, serverTime } from "./server-time.ts";
import { CollectedTransaction, type DynamodbTransaction, type NextSequence } from "./transact.ts";

/** Where an outbox in DynamoDB has its messages, and how long it waits. */
export interface DynamodbOutboxOptions {
  /**
   * The table's name, or its ARN: 1 to 1024 characters. That of the store, or another one. Its partition key is `pk`, a string, it has no
   * sort key, and an index `outbox` with the partition key `queue` and the sort key `place`, both strings, that projects `id` and `due`.
   */
  readonly table: string;
  /** Stands before the key of each item, so that several outboxes share a table: 1 to 64 of A-Z a-z 0-9 _ : . -; default `once-again`. */
  readonly prefix?: string | undefined;
  /** The largest body of a message, bytes: 1 to 290,000, which is the default, since an item has up to 400 KB. */
  readonly bodyBytesMax?: number | undefined;
  /**
   * How long one request may take, the client's retries included, and for how long an `add` waits for another transaction of this process that
   * adds to its ordering key, milliseconds: at least 1, default 2000.
   */
  readonly requestMsMax?: number | undefined;
}

/** An outbox in a table of DynamoDB. */
export type DynamodbOutbox = OutboxStore<DynamodbTransaction>;

/** The largest body; 290,000 with the longest names and headers is what the emulator moto takes, which counts bytes as Base64. */
const bodyBytesMaxMax = 290_000;

/** An outbox through a transport, by a clock for its waits, and by a source of the server's time. */
export function openOutbox(
  transport: Transport,
  options: DynamodbOutboxOptions,
  clock: Clock = systemClock,
  time: ServerTime = serverTime(clock),
): DynamodbOutbox {
  checkNames("dynamodbOutbox", options, {
    table: true,
    prefix: true,
    bodyBytesMax: true,
    requestMsMax: true,
  } satisfies OptionNames<DynamodbOutboxOptions>);
  const bytes = { min: 1, max: bodyBytesMaxMax, integer: true };
  const bodyBytesMax = checkNumber("bodyBytesMax", options.bodyBytesMax ?? bodyBytesMaxMax, bytes);
  const requestMsMax = checkNumber("requestMsMax", options.requestMsMax ?? 2000, { min: 1 });
  const timers = sharedTimers(clock);
  const connection = dynamodbConnection({ transport, time, clock: timers, random: systemRandom, requestMsMax });
  const table = checkTable(options.table);
  const parts: TableParts = { connection, time, table, prefix: checkPrefix(options.prefix) };
  const addMessage = messageAdder(parts, timers, requestMsMax);
  const eachParked = async (id: string, act: (parts: TableParts, item: Item) => Promise<boolean>): Promise<boolean> =>
    (await forEach(await parkedOf(parts, id), (item) => act(parts, item))).includes(true);

  return {
    async add(transaction, message) {
      const stored = storedMessage(message, bodyBytesMax);
      await addMessage(CollectedTransaction.from(transaction), stored);
      return stored.id;
    },
    claim: messageClaimer(parts, timers),
    confirm: (positions) => confirmMessages(parts, positions),
    postpone: (requests) => postponeMessages(parts, requests),
    async listParked(request = {}) {
      const items = await readAllParked(parts, checkAfter(request, positionDigits), checkListLimit(request));
      return items.map(readParked);
    },
    async showParked(id) {
      const parked = await parkedOf(parts, id);
      const items = await readItems(parts, parked.slice(0, showParkedMax).map(pkOf));
      return [...items.values()].filter(isParked).sort(byPlace).map(readWholeParked);
    },
    retryParked: (id) => eachParked(id, retryMessage),
    discardParked: (id) => eachParked(id, discardMessage),
    backlog: () => readBacklog(parts),
  };
}

/** Adds a message to the writes of a transaction. */
type AddMessage = (transaction: CollectedTransaction, message: StoredMessage) => Promise<void>;

/**
 * A message of a key gets the next number of that key, on the condition that it is still the next one at the commit. So the numbers are in the
 * order of the commits. @param waitMsMax for how long it waits for other transactions of this process that add to the key.
 */
function messageAdder(parts: TableParts, clock: Pick<Clock, "timer">, waitMsMax: number): AddMessage {
  const { prefix, table } = parts;
  const nextLane = freeLanes();
  const takeTurn = keyQueue();
  let lastTime = 0;

  /** The time that a message gets: never before that of an earlier one. */
  const timeNow = async (): Promise<number> => {
    const { latest } = parts.time.now() ?? (await readOne(parts, orderingKeyKey(prefix, ""))).time;
    return (lastTime = Math.max(lastTime, latest));
  };
  /** Resolves when no other transaction of this process that was before is open on the key. */
  const waitForOthers = (pk: string, transaction: CollectedTransaction): Promise<void> =>
    new Promise((resolve) => {
      // Two that add to two keys in opposite order would wait for each other: later on, the condition decides.
      const cancel = clock.timer(waitMsMax, resolve);
      void takeTurn(pk, async () => {
        cancel();
        resolve();
        await transaction.over;
      });
    });
  const nextOf = async (
    transaction: CollectedTransaction,
    { pk, lane, orderingKey }: Pick<NextSequence, "pk" | "lane" | "orderingKey">,
  ): Promise<NextSequence> => {
    const known = transaction.sequences.get(pk);
    if (known !== undefined) return { ...known, sequence: known.sequence + 1 };
    await waitForOthers(pk, transaction);
    const { item } = await readOne(parts, pk);
    const before = item && numberIn(item, "last");
    // A key that was removed may have had numbers: fewer than one for each millisecond.
    const first = before === undefined ? await timeNow() : before + 1;
    return { pk, lane, orderingKey, before, first, sequence: first };
  };
  const put = (transaction: CollectedTransaction, message: StoredMessage, position: Position): void =>
    transaction.add({ Put: { TableName: table, Item: messageItem(prefix, message, position) } });

  return async (transaction, message) => {
    transaction.enter();
    const { orderingKey } = message;
    if (orderingKey === undefined) {
      put(transaction, message, { addedAt: await timeNow(), lane: nextLane(), sequence: 0 });
      return;
    }
    const lane = keyLane(orderingKey);
    const pk = orderingKeyKey(prefix, lane);
    await transaction.takeTurn(pk, async () => {
      const next = await nextOf(transaction, { pk, lane, orderingKey });
      const addedAt = await timeNow();
      transaction.addOwn(pk, { Update: updateOf(table, keyChange(prefix, next)) });
      transaction.sequences.set(pk, next);
      put(transaction, message, { addedAt, lane, sequence: next.sequence });
    });
  };
}

/** How an ordering key changes by the messages of one transaction. */
function keyChange(prefix: string, { pk, lane, orderingKey, before, first, sequence }: NextSequence): Change {
  const isNew = before === undefined;
  const made = ", #key = :key, #first = :first, #due = :zero, #seen = :zero";
  return {
    pk,
    update: `SET #last = :last, #queue = :queue, #place = :place${isNew ? made : ""} REMOVE #ttl`,
    condition: isNew ? "attribute_not_exists(#pk)" : "#last = :before",
    values: {
      ":last": number(sequence),
      ":first": number(first),
      ":before": number(before ?? 0),
      ":queue": text(queues(prefix).keys),
      ":place": text(lane),
      ":key": text(orderingKey),
      ":zero": number(0),
    },
  };
}

/** Parked messages without their bodies, in the order of their positions. */
async function readAllParked(parts: TableParts, after: string, limit: number): Promise<Item[]> {
  const parked: Item[] = [];
  let from: Item | undefined;
  do {
    const page = await readQueue(parts, { queue: queues(parts.prefix).parked, after, limit, from });
    const items = await readItems(parts, page.entries.map(pkOf), envelope);
    const found = page.entries.map((entry) => items.get(pkOf(entry))).filter((item) => item !== undefined);
    parked.push(...found.filter(isParked));
    from = page.next;
  } while (from !== undefined && parked.length < limit);
  return parked.slice(0, limit);
}

/** How many parked messages one request looks at for an id. */
const looksForId = 1000;

/** The parked messages of an id, without their bodies. @throws OnceAgainError `ONCE_OPTION_INVALID` for no id, which would mean all. */
async function parkedOf(parts: TableParts, id: unknown): Promise<Item[]> {
  if (typeof id !== "string") throw invalidOptionError("id", "the id of a parked message, a text", id);
  const keys: string[] = [];
  let from: Item | undefined;
  do {
    const queue = queues(parts.prefix).parked;
    const page = await readQueue(parts, { queue, after: "", limit: looksForId, id, from });
    keys.push(...page.entries.map(pkOf));
    from = page.next;
  } while (from !== undefined);
  return [...(await readItems(parts, keys, envelope)).values()].filter(isParked).sort(byPlace);
}

const byPlace = (one: Item, other: Item): number => (placeOf(one) < placeOf(other) ? -1 : 1);

/** So many messages are counted. */
const countMax = 10_000;

/** Counts the messages in the index, which has nothing but them and their keys. */
async function readBacklog({ connection, table, prefix }: TableParts): Promise<OutboxBacklog> {
  const { all, keys, parked: parkedQueue } = queues(prefix);
  const filter = "begins_with(#queue, :all) AND #queue <> :keys";
  let [messages, parked, oldest] = [0, 0, Infinity];
  for (let from: Item | undefined; ;) {
    const { output, time } = await connection.send("Scan", {
      TableName: table,
      IndexName: indexName,
      FilterExpression: filter,
      ExpressionAttributeNames: namesIn(filter),
      ExpressionAttributeValues: { ":all": text(all), ":keys": text(keys) },
      ...(from && { ExclusiveStartKey: from }),
    });
    for (const item of output.Items ?? []) {
      messages += 1;
      if (item["queue"]?.S === parkedQueue) parked += 1;
      else oldest = Math.min(oldest, readPosition(placeOf(item))!.addedAt);
    }
    from = output.LastEvaluatedKey;
    if (from !== undefined && messages < countMax) continue;
    const oldestMs = oldest === Infinity ? undefined : Math.max(0, time.earliest - oldest);
    return { messages: Math.min(messages, countMax), parked: Math.min(parked, countMax), oldestMs };
  }
}
