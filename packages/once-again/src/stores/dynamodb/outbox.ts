import type { Clock } from "../../core/clock.ts";
import { sharedTimers } from "../../core/deadline-timer.ts";
import { keyQueue } from "../../core/key-queue.ts";
import { checkNames, type OptionNames } from "../../core/option-names.ts";
import { checkNumber, invalidOptionError } from "../../core/options.ts";
import { systemRandom } from "../../core/random.ts";
import { systemClock } from "../../core/system-clock.ts";
import { checkAfter, checkListLimit } from "../list-records.ts";
import { storedMessage, type StoredMessage } from "../outbox-message.ts";
import type {
  DiscardedMessage,
  OutboxBacklog,
  OutboxStore,
  UnconfirmedPlace,
  UnconfirmedState,
} from "../outbox-store.ts";
import { checkDiscarding, countMax, listStates, placesListed, showMax } from "../sql/outbox.ts";
import { checkPrefix, checkTable, dynamodbConnection, type Transport } from "./connection.ts";
import type { TableParts } from "./leased-operations.ts";
import type { Item } from "./api-types.ts";
import { messageClaimer } from "./outbox-claims.ts";
import { confirmMessages, discardMessage, postponeMessages, retryMessage } from "./outbox-ends.ts";
import {
  envelope,
  freeLanes,
  idOf,
  indexName,
  isOfState,
  keyLane,
  messageItem,
  messageKey,
  numberIn,
  orderingKeyKey,
  pkOf,
  placeOf,
  type Position,
  positionDigits,
  queues,
  readDiscarded,
  readPosition,
  readUnconfirmed,
  readWholeUnconfirmed,
  targetOf,
} from "./outbox-format.ts";
import { type Change, expressionParts, updateOf } from "./conditional-write.ts";
import { forEach, readItems, readOne, readQueue, removeTogether } from "./outbox-items.ts";
import { number, text } from "./record-format.ts";
import { type ServerTime, serverTime, type TimeInterval } from "./server-time.ts";
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
    (await forEach(await itemsOfId(parts, "parked", id), (item) => act(parts, item))).includes(true);

  return {
    async add(transaction, message) {
      const stored = storedMessage(message, bodyBytesMax);
      await addMessage(CollectedTransaction.from(transaction), stored);
      return stored.id;
    },
    claim: messageClaimer(parts, timers),
    confirm: (positions) => confirmMessages(parts, positions),
    postpone: (requests) => postponeMessages(parts, requests),
    async listUnconfirmed(request = {}) {
      const [after, limit] = [checkAfter(request, positionDigits), checkListLimit(request)];
      return listStates(request, limit, async (state) =>
        (await readState(parts, state, { after, limit })).map(readUnconfirmed),
      );
    },
    async showUnconfirmed(id) {
      const shown = await listStates({}, showMax, async (state) =>
        (await itemsOfId(parts, state, id))
          .slice(0, showMax)
          .map((item) => ({ position: placeOf(item), pk: pkOf(item) })),
      );
      const items = await readItems(
        parts,
        shown.map(({ pk }) => pk),
      );
      return [...items.values()].filter(isUnconfirmed).sort(byPlace).map(readWholeUnconfirmed);
    },
    listPlaces: () => listPlaces(parts),
    retryParked: (id) => eachParked(id, retryMessage),
    async discardParked(id, discarding) {
      const checked = checkDiscarding(discarding);
      return eachParked(id, (given, item) => discardMessage(given, item, checked));
    },
    async listDiscarded(request = {}) {
      const limit = checkListLimit(request);
      const messages = await readAllDiscarded(parts, request.id);
      return messages.sort((one, other) => other.discardedAt - one.discardedAt).slice(0, limit);
    },
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

/** Messages of a state without their bodies, in the order of their positions. */
async function readState(
  parts: TableParts,
  state: UnconfirmedState,
  { after, limit, id }: { after: string; limit: number; id?: string },
): Promise<Item[]> {
  const { parked, tried } = queues(parts.prefix);
  const isWanted = (item: Item): boolean => isOfState(item, state) && (id === undefined || idOf(item) === id);
  const found: Item[] = [];
  let from: Item | undefined;
  do {
    // The item that says that a message was tried does not know its id.
    const question = state === "parked" ? { queue: parked, id } : { queue: tried };
    const page = await readQueue(parts, { ...question, after, limit, from });
    found.push(...(await readMessages(parts, page.entries)).filter(isWanted));
    from = page.next;
  } while (from !== undefined && found.length < limit);
  return found.slice(0, limit);
}

/** The messages that entries of the index name, each once, in their order. What says that one was tried that is gone is removed. */
async function readMessages(parts: TableParts, entries: readonly Item[]): Promise<Item[]> {
  const keys = new Map(entries.map((entry) => [messageKey(parts.prefix, readPosition(placeOf(entry))!), entry]));
  const items = await readItems(parts, [...keys.keys()], envelope);
  const stale = entries.filter(
    (entry) =>
      entry["queue"]?.S === queues(parts.prefix).tried &&
      !items.has(messageKey(parts.prefix, readPosition(placeOf(entry))!)),
  );
  await removeTogether(parts, stale.map(pkOf));
  return [...keys.keys()].map((pk) => items.get(pk)).filter((item) => item !== undefined);
}

/** The messages that people discarded, as long as that is stored. */
async function readAllDiscarded(parts: TableParts, id: string | undefined): Promise<DiscardedMessage[]> {
  const found: DiscardedMessage[] = [];
  let from: Item | undefined;
  do {
    const queue = queues(parts.prefix).discarded;
    const page = await readQueue(parts, { queue, after: "", limit: looksForId, id, from });
    const items = [...(await readItems(parts, page.entries.map(pkOf))).values()];
    found.push(...items.filter((item) => numberIn(item, "expires") > page.time.earliest).map(readDiscarded));
    from = page.next;
  } while (from !== undefined);
  return found;
}

/** How many entries one request looks at for an id. */
const looksForId = 1000;

/** The messages of an id in a state, without their bodies. @throws OnceAgainError `ONCE_OPTION_INVALID` for no id, which would mean all. */
async function itemsOfId(parts: TableParts, state: UnconfirmedState, id: unknown): Promise<Item[]> {
  if (typeof id !== "string") throw invalidOptionError("id", "the id of a message, a text", id);
  return (await readState(parts, state, { after: "", limit: looksForId, id })).sort(byPlace);
}

const isUnconfirmed = (item: Item): boolean => isOfState(item, "parked") || isOfState(item, "waiting");

const byPlace = (one: Item, other: Item): number => (placeOf(one) < placeOf(other) ? -1 : 1);

/** The content of the index: it has messages, their keys, and what says that messages were tried. */
interface IndexCount {
  readonly messages: number;
  readonly parked: number;
  /** When the oldest that is not parked was added; `Infinity` without one. */
  readonly oldest: number;
  /** The entries that say of a message that it was tried, for those that wait. */
  readonly tried: readonly Item[];
  readonly time: TimeInterval;
}

async function countIndex({ connection, table, prefix }: TableParts): Promise<IndexCount> {
  const { all, keys, parked: parkedQueue, tried: triedQueue } = queues(prefix);
  const filter = "(begins_with(#queue, :all) AND #queue <> :keys) OR #queue = :tried";
  const [waiting, tried] = [new Set<string>(), new Map<string, Item>()];
  let [messages, parked, oldest] = [0, 0, Infinity];
  for (let from: Item | undefined; ;) {
    const { output, time } = await connection.send("Scan", {
      TableName: table,
      IndexName: indexName,
      FilterExpression: filter,
      ...expressionParts([filter], { ":all": text(all), ":keys": text(keys), ":tried": text(triedQueue) }),
      ...(from && { ExclusiveStartKey: from }),
    });
    for (const item of output.Items ?? []) {
      const position = placeOf(item);
      if (item["queue"]?.S === triedQueue) {
        tried.set(position, item);
        continue;
      }
      messages += 1;
      if (item["queue"]?.S === parkedQueue) parked += 1;
      else {
        waiting.add(position);
        oldest = Math.min(oldest, readPosition(position)!.addedAt);
      }
    }
    from = output.LastEvaluatedKey;
    if (from !== undefined && messages < countMax) continue;
    const left = [...tried].filter(([position]) => waiting.has(position)).map(([, item]) => item);
    return { messages, parked, oldest, tried: left, time };
  }
}

async function readBacklog(parts: TableParts): Promise<OutboxBacklog> {
  const { messages, parked, oldest, tried, time } = await countIndex(parts);
  return {
    messages: Math.min(messages, countMax),
    parked: Math.min(parked, countMax),
    unconfirmed: Math.min(tried.length, countMax),
    places: new Set(tried.map(targetOf)).size,
    oldestMs: oldest === Infinity ? undefined : Math.max(0, time.earliest - oldest),
  };
}

async function listPlaces(parts: TableParts): Promise<UnconfirmedPlace[]> {
  const { tried } = await countIndex(parts);
  const places = [...Map.groupBy(tried, targetOf)].map(([target, entries]) => ({
    target,
    entries: entries.sort(byPlace),
  }));
  const largest = places.sort((one, other) => other.entries.length - one.entries.length).slice(0, placesListed);
  const newest = await readMessages(
    parts,
    largest.map(({ entries }) => entries.at(-1)!),
  );
  const read = new Map(newest.map((item) => [placeOf(item), readUnconfirmed(item)]));
  return largest.flatMap(({ target, entries }) => {
    const message = read.get(placeOf(entries.at(-1)!));
    if (message === undefined) return [];
    const oldestAt = readPosition(placeOf(entries[0]!))!.addedAt;
    const { triedAt, refusal } = message;
    return [{ place: target || undefined, tried: entries.length, untried: undefined, oldestAt, triedAt, refusal }];
  });
}
