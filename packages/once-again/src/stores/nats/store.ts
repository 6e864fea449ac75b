import { OnceAgainError } from "../../core/errors.ts";
import { hasMethod, wrongClientError } from "../../core/duck-typing.ts";
import { keyQueue } from "../../core/key-queue.ts";
import { checkNames, type OptionNames } from "../../core/option-names.ts";
import { checkNumber, invalidOptionError } from "../../core/options.ts";
import { systemClock } from "../../core/system-clock.ts";
import {
  type AnswerTo,
  inspectRecord,
  isExpired,
  type Operation,
  recordOperations,
  transition,
} from "../transition.ts";
import { storeHealth } from "../health.ts";
import type { AsyncStore, StoreHealth } from "../store.ts";
import { timeLimit } from "../time-limit.ts";
import { isConflict, leaderTime, type NatsBucketStatus, type NatsKv, type NatsStreams } from "./client.ts";
import { bucketPurge } from "./purge.ts";
import { entryKey, entryValue, recordIn } from "./record-format.ts";
import { listRecords } from "./scan.ts";

/** How a NATS store asks its server. */
export interface NatsStoreOptions {
  /**
   * How long one request to the server may take, milliseconds: at least 1, default 2000. The client's own time-out is
   * as long as a server waits for its store (5 s), which leaves no time to ask again when an answer was lost.
   */
  readonly requestMsMax?: number | undefined;
}

/** A store in a bucket of NATS JetStream. */
export interface NatsStore extends AsyncStore {
  /** The bucket's `ttl`; missing where it has none. */
  readonly retentionMsMax?: number | undefined;
  /**
   * Asks for what endangers records: too few replicas, memory, reads from followers. A bucket that can't be reached is a
   * problem too. Never rejects.
   */
  health(): Promise<StoreHealth>;
}

/** The `max_payload` of a server with no other setting, bytes, for clients that don't say it. */
const payloadMaxByDefault = 1_048_576;

/** How much an entry has beside its result at most, bytes: a name of 510 characters in JSON, details and a note in Base64. */
const headBytesMax = 16_384;

/** How often one operation meets another's write before it gives up; each time, another operation made progress. */
const conflictsMax = 50;

/**
 * A store in a bucket of NATS JetStream (server 2.10 or later), through your own `KV` of `@nats-io/kv`.
 *
 * An operation reads the record and the leader's clock in one round trip. If it changes the record it writes in a
 * second, on the condition that there was no write in between; otherwise it begins anew. So a replay is one trip, a claim and
 * a completion are two, and an old reading can never grant anything.
 *
 * Make the bucket without a `ttl`: then a key is held if it is unknown whether its operation happened, until a person
 * settles it, and expired results are removed by `purge`, which servers call now and then. A `ttl` removes every record
 * that was last written so long ago, held keys too. So a server on such a bucket needs a `heldRetentionMs`, and it as well
 * as `retentionMs` up to the `ttl`: it is refused when it is made otherwise.
 *
 * Results have to fit into the server's `max_payload` (1 MiB by default), with 16 KiB to spare: `resultBytesMax` is 1,032,192 there.
 *
 * `survivesFailover` is "yes" with 3 replicas or more: what is acknowledged is on most of them. They sync their disks a
 * while later (`sync_interval`, 2 minutes by default): set it to `always` against a loss of power. The clocks of the
 * servers have to agree, since after an election another one decides what time it is.
 *
 * `close()` leaves the connection open, since it is yours.
 *
 * @example
 * ```ts
 * const kv = await new Kvm(connection).create("keys", { replicas: 3, allow_direct: false });
 * const store = await natsStore(kv);
 * ```
 * @throws OnceAgainError `ONCE_OPTION_INVALID` for an option out of bounds, and for a bucket where followers answer
 *   reads, that drops old entries when it is full, or that stores more than one version; what the client throws when the
 *   bucket can't be reached.
 */
export async function natsStore(kv: NatsKv, options: NatsStoreOptions = {}): Promise<NatsStore> {
  checkNames("natsStore", options, { requestMsMax: true } satisfies OptionNames<NatsStoreOptions>);
  if (!hasMethod(kv, "history") || !hasMethod(kv, "status")) throw wrongClientError("kv", "a KV of @nats-io/kv", kv);
  const requestMsMax = checkNumber("requestMsMax", options.requestMsMax ?? 2000, { min: 1 });
  const limitTime = timeLimit(systemClock, requestMsMax);
  const { history, replicas, ttl, streamInfo } = await kv.status();
  const { allow_direct: allowDirect, discard } = streamInfo.config;
  if (allowDirect) throw invalidOptionError("allow_direct of the bucket", "false", allowDirect);
  if (discard !== "new") throw invalidOptionError("discard of the bucket", '"new"', discard);
  if (history !== 1) throw invalidOptionError("history of the bucket", "1", history);
  const purge = ttl > 0 ? undefined : bucketPurge(kv, streamsOf(kv), systemClock);
  const payloadMax = kv.jsm?.nc?.info?.max_payload ?? payloadMaxByDefault;
  const resultBytesMax = payloadMax - headBytesMax;
  const takeTurn = keyQueue();
  const read = (key: string) => limitTime(Promise.all([leaderTime(kv), kv.get(key)]));

  const apply = async <Asked extends Operation>(operation: Asked): Promise<AnswerTo<Asked>> => {
    if (ttl > 0) checkLifetimes(operation, ttl);
    if (operation.kind === "complete") checkResult(operation.result, resultBytesMax);
    const key = entryKey(operation);
    return takeTurn(key, async () => {
      for (let conflicts = 0; ; conflicts += 1) {
        const [now, entry] = await read(key);
        const stored = recordIn(entry)?.record;
        const { record, answer } = transition(stored, operation, now);
        if (record === stored) return answer;
        const options = { previousSeq: entry?.revision ?? 0 };
        try {
          if (record === undefined) await limitTime(kv.delete(key, options));
          else await limitTime(kv.put(key, entryValue(operation, record), options));
          return answer;
        } catch (error) {
          if (!isConflict(error) || conflicts === conflictsMax) throw error;
        }
      }
    });
  };

  return {
    ...(ttl > 0 && { retentionMsMax: ttl }),
    survivesFailover: replicas >= 3 ? "yes" : "no",
    resultBytesMax,
    ...recordOperations(apply),
    async inspect(name) {
      const [now, entry] = await read(entryKey(name));
      const record = recordIn(entry)?.record;
      return record === undefined || isExpired(record, now) ? undefined : inspectRecord(name, record, now);
    },
    list: (request) => listRecords(kv, request),
    // A bucket with a ttl removes them by itself.
    purge: async (request) => purge?.(request) ?? 0,
    health: () => storeHealth(async () => bucketProblems(await limitTime(kv.status()))),
    close: async () => undefined,
  };
}

/** @throws OnceAgainError `ONCE_OPTION_INVALID` for a client without access to its streams. */
function streamsOf(kv: NatsKv): NatsStreams {
  const streams = kv.jsm?.streams;
  if (hasMethod(streams, "getMessage") && hasMethod(streams, "deleteMessage")) return streams as NatsStreams;
  throw invalidOptionError(
    "kv",
    "a KV of @nats-io/kv 3, with a `jsm` that removes expired records where no ttl does",
    typeof kv.jsm,
  );
}

/** @throws OnceAgainError `ONCE_RESULT_TOO_LARGE`. */
function checkResult({ byteLength }: Uint8Array, resultBytesMax: number): void {
  if (byteLength <= resultBytesMax) return;
  throw new OnceAgainError(
    "ONCE_RESULT_TOO_LARGE",
    `The result has ${byteLength} bytes, and with this server's max_payload at most ${resultBytesMax} fit. Answer with a link to what is ` +
      "large, or raise max_payload.",
  );
}

/** @throws OnceAgainError `ONCE_OPTION_INVALID` for what the bucket would forget before its time. */
function checkLifetimes(operation: Operation, ttl: number): void {
  const lifetimes = operation.kind === "resolve" ? operation.settlement : operation;
  if (operation.kind === "claim") {
    // The bucket would forget a key that is held for ever.
    const held = operation.heldRetentionMs ?? Number.POSITIVE_INFINITY;
    checkNumber("heldRetentionMs, by the bucket's ttl", held, { min: 0, max: ttl });
  }
  if ("retentionMs" in lifetimes)
    checkNumber("retentionMs, by the bucket's ttl", lifetimes.retentionMs, { min: 0, max: ttl });
  if ("leaseMs" in lifetimes) checkNumber("leaseMs, by the bucket's ttl", lifetimes.leaseMs, { min: 0, max: ttl });
}

/** Dangers to records in a bucket, one sentence each. */
export function bucketProblems({ replicas, streamInfo }: NatsBucketStatus): string[] {
  const { storage, discard, allow_direct: allowDirect } = streamInfo.config;
  const problems: readonly [holds: boolean, problem: string][] = [
    [replicas < 3, `The bucket has ${replicas} replica(s): losing their node loses the records. Make it with 3.`],
    [storage !== "file", "The bucket is in memory: a restart forgets records. Make it with storage: 'file'."],
    [discard !== "new", "A full bucket forgets its oldest records (discard: old). Make it with discard: 'new'."],
    [allowDirect, "Followers may answer reads, with old records. Make the bucket with allow_direct: false."],
  ];
  return problems.flatMap(([holds, problem]) => (holds ? [problem] : []));
}
