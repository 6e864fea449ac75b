import { type Change, expressionParts, updateOf } from "./conditional-write.ts";
import { wrongIndexError } from "./connection.ts";
import { conflictsError, type TableParts } from "./leased-operations.ts";
import type { Item, TransactWriteItem, WriteRequest } from "./api-types.ts";
import { indexName, pkOf, queues } from "./outbox-format.ts";
import { text } from "./record-format.ts";
import type { AnswerTime } from "./server-time.ts";

/** How many items one request reads, and how many it puts or deletes. */
const [readsMax, writesMax] = [100, 25];

/** How often a request is sent again for what DynamoDB left out, or what met a transaction. */
const triesMax = 10;

/** How many requests of one call are on their way at a time: the client of AWS has 50 connections. */
export const requestsAtOnce = 25;

/** Does something with each item, with so many at a time; the results in the items' order. */
export async function forEach<Given, Result>(
  items: readonly Given[],
  act: (item: Given) => Promise<Result>,
): Promise<Result[]> {
  const results: Result[] = [];
  for (const group of groups(items, requestsAtOnce)) results.push(...(await Promise.all(group.map(act))));
  return results;
}

function groups<Given>(items: readonly Given[], size: number): Given[][] {
  const count = Math.ceil(items.length / size);
  return Array.from({ length: count }, (_, index) => items.slice(index * size, (index + 1) * size));
}

/** A page of one partition of the index, in its order. */
export async function readQueue(
  { connection, table, prefix }: TableParts,
  { queue, after, limit, id, from }: QueueQuestion,
): Promise<{ entries: readonly Item[]; next: Item | undefined; time: AnswerTime }> {
  const condition = "#queue = :queue AND #place > :after";
  const filter = id === undefined ? undefined : "#id = :id";
  const values = {
    ":queue": text(queue),
    // Places are digits, of which "0" is the lowest and the shortest.
    ":after": text(after === "" ? "0" : after),
    ":id": text(id ?? ""),
  };
  const { output, time } = await connection.send("Query", {
    TableName: table,
    IndexName: indexName,
    KeyConditionExpression: condition,
    ...(filter && { FilterExpression: filter }),
    ...expressionParts([condition, filter ?? ""], values),
    Limit: limit,
    ...(from && { ExclusiveStartKey: from }),
  });
  const entries = output.Items ?? [];
  const ofKeys = queue === queues(prefix).keys;
  // An index that does not project them would let messages wait for ever.
  if (entries.some((entry) => entry["due"] === undefined || (entry["id"] === undefined && !ofKeys)))
    throw wrongIndexError();
  return { entries, next: output.LastEvaluatedKey, time };
}

/** A question to the index. */
export interface QueueQuestion {
  readonly queue: string;
  /** Only places after it. */
  readonly after: string;
  /** How many entries are looked at. */
  readonly limit: number;
  /** Only messages of this id. */
  readonly id?: string | undefined;
  /** Where the page before ended. */
  readonly from?: Item | undefined;
}

/** Reads items as the last writes left them, by their keys. Missing ones are not there, or a transaction is just writing them. */
export async function readItems(
  { connection, table }: TableParts,
  keys: readonly string[],
  attributes?: readonly string[],
): Promise<Map<string, Item>> {
  const projection = attributes?.map((name) => `#${name}`).join(", ");
  const found = new Map<string, Item>();
  for (const group of groups(keys, readsMax)) {
    let wanted: Item[] = group.map((pk) => ({ pk: text(pk) }));
    for (let tries = 1; wanted.length > 0; tries += 1) {
      if (tries > 1) await connection.pause(tries);
      const asked = {
        Keys: wanted,
        ConsistentRead: true,
        ...(projection && { ProjectionExpression: projection, ...expressionParts([projection]) }),
      };
      const { output } = await connection.send("BatchGetItem", { RequestItems: { [table]: asked } });
      const items = Object.values(output.Responses ?? {}).flat();
      for (const item of items) found.set(pkOf(item), item);
      wanted = Object.values(output.UnprocessedKeys ?? {}).flatMap(({ Keys = [] }) => Keys);
      // Items that are too large for one answer come with the next.
      if (items.length > 0) tries = 0;
      else if (tries === triesMax) throw conflictsError();
    }
  }
  return found;
}

/**
 * Reads items between transactions. A transaction writes its items one by one, so who reads one of them may find another one
 * missing; here a missing one is gone, or was never committed.
 */
export async function readTogether(
  { connection, table }: TableParts,
  keys: readonly string[],
): Promise<Map<string, Item>> {
  const found = new Map<string, Item>();
  for (const group of groups(keys, readsMax)) {
    const TransactItems = group.map((pk) => ({ Get: { TableName: table, Key: { pk: text(pk) } } }));
    for (let tries = 1; ; tries += 1) {
      const answer = await connection.sendIf("TransactGetItems", { TransactItems });
      if (!("refusal" in answer)) {
        for (const { Item } of answer.output.Responses ?? []) if (Item !== undefined) found.set(pkOf(Item), Item);
        break;
      }
      if (tries === triesMax) throw conflictsError();
      await connection.pause(tries);
    }
  }
  return found;
}

/** Reads one item as the last write left it. */
export async function readOne(
  { connection, table }: TableParts,
  pk: string,
): Promise<{ item: Item | undefined; time: AnswerTime }> {
  const input = { TableName: table, Key: { pk: text(pk) }, ConsistentRead: true };
  const { output, time } = await connection.send("GetItem", input);
  return { item: output.Item, time };
}

/** Changes an item if its condition holds: the item as it is then, and the time; else `undefined`. */
export async function change(
  { connection, table }: TableParts,
  asked: Change,
): Promise<{ item: Item; time: AnswerTime } | undefined> {
  const answer = await connection.sendIf("UpdateItem", { ...updateOf(table, asked), ReturnValues: "ALL_NEW" });
  return "refusal" in answer ? undefined : { item: answer.output.Attributes ?? {}, time: answer.time };
}

/** Writes all or nothing. `false`: a condition does not hold. */
export async function writeTogether({ connection }: TableParts, writes: TransactWriteItem[]): Promise<boolean> {
  for (let tries = 1; ; tries += 1) {
    // Where its answer is lost, the client sends it again, and a count must not grow twice.
    const input = { TransactItems: writes, ClientRequestToken: crypto.randomUUID() };
    const answer = await connection.sendIf("TransactWriteItems", input);
    if (!("refusal" in answer)) return true;
    const codes = (answer.refusal.CancellationReasons ?? []).map(({ Code }) => Code);
    if (codes.includes("ConditionalCheckFailed")) return false;
    if (tries === triesMax) throw conflictsError();
    await connection.pause(tries);
  }
}

/** Deletes items, whether they are there or not. */
export function deleteItems(parts: TableParts, keys: readonly string[]): Promise<void> {
  return writeItems(
    parts,
    keys.map((pk) => ({ DeleteRequest: { Key: { pk: text(pk) } } })),
  );
}

/** Deletes items within transactions, as those may do who may not write batches: people. */
export async function removeTogether(parts: TableParts, keys: readonly string[]): Promise<void> {
  const writes = keys.map((pk) => ({ Delete: { TableName: parts.table, Key: { pk: text(pk) } } }));
  await forEach(groups(writes, readsMax), (group) => writeTogether(parts, group));
}

/** Puts items, whether they are there or not: each key once. */
export function putItems(parts: TableParts, items: readonly Item[]): Promise<void> {
  return writeItems(
    parts,
    items.map((Item) => ({ PutRequest: { Item } })),
  );
}

async function writeItems({ connection, table }: TableParts, writes: readonly WriteRequest[]): Promise<void> {
  await forEach(groups(writes, writesMax), async (group) => {
    let requests = group;
    for (let tries = 1; requests.length > 0; tries += 1) {
      if (tries > triesMax) throw conflictsError();
      if (tries > 1) await connection.pause(tries);
      const { output } = await connection.send("BatchWriteItem", { RequestItems: { [table]: requests } });
      requests = Object.values(output.UnprocessedItems ?? {}).flat();
    }
  });
}
