import { checkListLimit, compareNames, firstRecords } from "../check-record.ts";
import type { InspectedRecord, ListRequest, RecordName } from "../store.ts";
import type { RedisConnection } from "./client.ts";
import { keyPattern, nameOf } from "./record-format.ts";

/** How many keys one SCAN looks at. */
const scanCount = 500;

/** Reads one record, if it is in the wanted state. */
type Read = (name: RecordName, state: InspectedRecord["state"] | undefined) => Promise<InspectedRecord | undefined>;

/**
 * The first records in the order of scope and key. Redis keeps no order, so every key of every master is looked at; no
 * more than `limit` records and one SCAN's names are held at a time, and only records that may be among the first are
 * read.
 */
export async function listRecords(
  connection: RedisConnection,
  prefix: string,
  request: ListRequest,
  read: Read,
): Promise<InspectedRecord[]> {
  const { scope, state, after } = request;
  const limit = checkListLimit(request);
  let first: InspectedRecord[] = [];
  for await (const names of scan(connection, prefix, scope)) {
    // SCAN may give a key twice.
    const candidates = names.filter((name) => mayFollow(name, after) && mayBeAmong(first, limit, name));
    const records = await Promise.all(candidates.map((name) => read(name, state)));
    first = firstRecords([...first, ...records.filter((record) => record !== undefined)], limit);
  }
  return first;
}

function mayFollow(name: RecordName, after: RecordName | undefined): boolean {
  return after === undefined || compareNames(name, after) > 0;
}

function mayBeAmong(first: readonly InspectedRecord[], limit: number, name: RecordName): boolean {
  const last = first.length < limit ? undefined : first.at(-1);
  if (last !== undefined && compareNames(name, last) >= 0) return false;
  return !first.some((record) => compareNames(record, name) === 0);
}

async function* scan(
  connection: RedisConnection,
  prefix: string,
  scope: string | undefined,
): AsyncGenerator<RecordName[]> {
  const sentPrefix = connection.keyPrefix + prefix;
  const pattern = keyPattern(sentPrefix, scope);
  for (const send of await connection.masters()) {
    let cursor = "0";
    do {
      const reply = await send(["SCAN", cursor, "MATCH", pattern, "COUNT", String(scanCount)]);
      const [next, keys] = reply as [Buffer, Buffer[]];
      const names = new Map(keys.map((key) => [String(key), nameOf(sentPrefix, String(key))]));
      yield [...names.values()].filter((name) => name !== undefined);
      cursor = String(next);
    } while (cursor !== "0");
  }
}
