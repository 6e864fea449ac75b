import type { Clock } from "../../core/clock.ts";
import type { PurgeRequest } from "../store.ts";
import { isExpired } from "../transition.ts";
import { type NatsKv, type NatsStoredMessage, type NatsStreams, timeIn } from "./client.ts";
import { recordIn } from "./record-format.ts";

/** How long one purge goes on, milliseconds: it asks for one message after the other. */
const purgeMsMax = 1000;
/** How often a purge begins at the first message again, milliseconds. */
const beginAgainMs = 3_600_000;

/** The first message of a stream. */
const firstSequence = 1;

/**
 * Removes expired records from a bucket that has no `ttl`. A stream holds its messages in the order in which they were
 * written, and done records expire nearly in that order. So a purge goes from the oldest message on, passes records that run,
 * and stops at the first result that has not expired, where the next purge begins. About once an hour one begins at the
 * first message again, for records that ran when it passed them.
 *
 * A message is removed by its number: a record that was written anew meanwhile has another one. For one scope every record is read.
 */
export function bucketPurge(
  kv: NatsKv,
  streams: NatsStreams,
  clock: Pick<Clock, "monotonic">,
): (request: PurgeRequest) => Promise<number> {
  let next = firstSequence;
  let beganAt = clock.monotonic();

  const purgeScope = async (scope: string, limit: number): Promise<number> => {
    const { streamInfo } = await kv.status();
    const now = timeIn(streamInfo);
    let purged = 0;
    for await (const entry of await kv.history()) {
      const named = recordIn(entry);
      if (purged === limit) break;
      if (named?.scope !== scope || !isExpired(named.record, now)) continue;
      await streams.deleteMessage(streamInfo.config.name, entry.revision, false).catch(ignoreGone);
      purged += 1;
    }
    return purged;
  };

  return async ({ limit, scope }) => {
    if (scope !== undefined) return purgeScope(scope, limit);
    const { streamInfo } = await kv.status();
    const now = timeIn(streamInfo);
    const { name, subjects } = streamInfo.config;
    const startedAt = clock.monotonic();
    if (startedAt - beganAt >= beginAgainMs) [next, beganAt] = [firstSequence, startedAt];
    let purged = 0;
    for (let looks = 0; looks < limit && clock.monotonic() - startedAt < purgeMsMax; looks += 1) {
      const message = await streams.getMessage(name, { seq: next, next_by_subj: subjects[0]! });
      if (message === null) return purged;
      const kind = judgeMessage(message, now);
      if (kind === "alive") return purged;
      if (kind !== "running") await streams.deleteMessage(name, message.seq, false).catch(ignoreGone);
      if (kind === "expired") purged += 1;
      next = message.seq + 1;
    }
    return purged;
  };
}

/** The codes of the API for a message that is not there: its record was written anew, or another process removed it. */
const goneCodes: readonly number[] = [10_037, 10_043, 10_057];

function ignoreGone(error: unknown): void {
  if (!(error instanceof Error && "code" in error && goneCodes.includes(Number(error.code)))) throw error;
}

/** The kind of a message: a record, or the mark that a removed one leaves behind. */
function judgeMessage({ seq, header, data }: NatsStoredMessage, now: number): "expired" | "mark" | "running" | "alive" {
  if (header?.get("KV-Operation")) return "mark";
  const { record } = recordIn({ key: "", operation: "PUT", value: data, revision: seq })!;
  if (isExpired(record, now)) return "expired";
  return record.state === "running" ? "running" : "alive";
}
