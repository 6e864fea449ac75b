import { checkListRequest, firstRecords, isListed, listOrder, withSizes } from "../list-records.ts";
import type { InspectedRecord, ListRequest } from "../store.ts";
import { inspectRecord, isExpired } from "../transition.ts";
import { type NatsKv, timeIn } from "./client.ts";
import { recordIn } from "./record-format.ts";

/** How often a bucket is read until a follower has caught up. */
const readingsMax = 50;

/**
 * The first records of a list. The bucket keeps no order, so every entry is looked at; no more than
 * `limit` records are held at a time. A follower may hand out the entries, so they are read again until the last one
 * that the leader had is among them.
 *
 * @throws Error when no follower catches up.
 */
export async function listRecords(kv: NatsKv, request: ListRequest): Promise<InspectedRecord[]> {
  const limit = checkListRequest(request);
  const { streamInfo } = await kv.status();
  const { messages, last_seq: lastRevision } = streamInfo.state;
  const now = timeIn(streamInfo);
  for (let readings = 0; readings < readingsMax; readings += 1) {
    const first = new Map<string, InspectedRecord>();
    let isWhole = messages === 0;
    for await (const entry of await kv.history()) {
      isWhole ||= entry.revision >= lastRevision;
      // A follower that catches up meanwhile hands out what an entry was, and then what it is.
      first.delete(entry.key);
      const named = recordIn(entry);
      if (named === undefined || isExpired(named.record, now)) continue;
      const record = inspectRecord(named, named.record, now);
      if (!isListed(request, record)) continue;
      first.set(entry.key, request.content === "sizes" ? withSizes(record) : record);
      if (first.size > limit) first.delete(lastOf(first, request));
    }
    if (isWhole) return firstRecords([...first.values()], request);
  }
  throw new Error(`The followers of the bucket's leader lag behind it: ${readingsMax} readings were not whole.`);
}

/** The entry of the record that is last in the order. */
function lastOf(records: ReadonlyMap<string, InspectedRecord>, request: ListRequest): string {
  const order = listOrder(request);
  const [[last] = [""]] = [...records].sort(([, one], [, other]) => order(other, one));
  return last;
}
