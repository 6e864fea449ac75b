import { compareNames } from "../check-record.ts";
import type { InspectedRecord, ListRequest } from "../store.ts";
import { inspectRecord, isExpired } from "../transition.ts";
import { type NatsKv, timeIn } from "./client.ts";
import { recordIn } from "./record-format.ts";

/** How often a bucket is read until a follower has caught up. */
const readingsMax = 50;

/**
 * The first records in the order of scope and key. The bucket keeps no order, so every entry is looked at; no more than
 * `limit` records are held at a time. A follower may hand out the entries, so they are read again until the last one
 * that the leader had is among them.
 *
 * @throws Error when no follower catches up.
 */
export async function listRecords(
  kv: NatsKv,
  { scope, state, after, limit }: ListRequest & { readonly limit: number },
): Promise<InspectedRecord[]> {
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
      if (scope !== undefined && record.scope !== scope) continue;
      if (state !== undefined && record.state !== state) continue;
      if (after !== undefined && compareNames(record, after) <= 0) continue;
      first.set(entry.key, record);
      if (first.size > limit) first.delete(lastOf(first));
    }
    if (isWhole) return [...first.values()].sort(compareNames);
  }
  throw new Error(`The followers of the bucket's leader lag behind it: ${readingsMax} readings were not whole.`);
}

/** The entry of the record that is last in the order. */
function lastOf(records: ReadonlyMap<string, InspectedRecord>): string {
  const [[last] = [""]] = [...records].sort(([, one], [, other]) => compareNames(other, one));
  return last;
}
