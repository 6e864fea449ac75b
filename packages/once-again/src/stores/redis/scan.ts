import { checkListRequest, compareNames, firstRecords, isListedName } from "../list-records.ts";
import type { InspectedRecord, ListRequest, RecordName } from "../store.ts";
import type { RedisConnection } from "./client.ts";
import { keyPattern, nameOf } from "./record-format.ts";
import { runningScan } from "./scripts.ts";

/** How many keys one SCAN looks at. */
const scanCount = 1000;

/** Reads one record, if it is in the wanted state. */
type Read = (name: RecordName, state: InspectedRecord["state"] | undefined) => Promise<InspectedRecord | undefined>;

/**
 * The first records of a list. Redis keeps no order, so every key of every master is looked at; no more than `limit` records and
 * one SCAN's names are held at a time. Of records that run, the server itself finds the few among all others.
 */
export async function listRecords(
  connection: RedisConnection,
  prefix: string,
  request: ListRequest,
  read: Read,
): Promise<InspectedRecord[]> {
  const limit = checkListRequest(request);
  let first: InspectedRecord[] = [];
  for await (const names of scan(connection, prefix, request)) {
    // SCAN may give a key twice.
    const candidates = names.filter((name) => isListedName(request, name) && mayBeAmong(first, limit, request, name));
    const records = await Promise.all(candidates.map((name) => read(name, request.state)));
    const found = records.filter((record) => record !== undefined);
    first = firstRecords([...first, ...found], request);
  }
  return first;
}

function mayBeAmong(
  first: readonly InspectedRecord[],
  limit: number,
  { order }: ListRequest,
  name: RecordName,
): boolean {
  const last = first.length < limit || order === "age" ? undefined : first.at(-1);
  if (last !== undefined && compareNames(name, last) >= 0) return false;
  return !first.some((record) => compareNames(record, name) === 0);
}

async function* scan(connection: RedisConnection, prefix: string, request: ListRequest): AsyncGenerator<RecordName[]> {
  const sentPrefix = connection.keyPrefix + prefix;
  const pattern = keyPattern(sentPrefix, request);
  const runs = request.state === "running" || request.state === "abandoned";
  for (const send of await connection.masters()) {
    let cursor = "0";
    do {
      const reply = runs
        ? await send(["EVAL", runningScan, "0", cursor, pattern, String(scanCount)])
        : await send(["SCAN", cursor, "MATCH", pattern, "COUNT", String(scanCount)]);
      const [next, keys] = reply as [Buffer, Buffer[]];
      const names = new Map(keys.map((key) => [String(key), nameOf(sentPrefix, String(key))]));
      yield [...names.values()].filter((name) => name !== undefined);
      cursor = String(next);
    } while (cursor !== "0");
  }
}
