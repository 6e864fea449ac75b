import { sleep } from "../../../core/clock.ts";
import { hasMethod, wrongClientError } from "../../../core/client-names.ts";
import { checkNames, type OptionNames } from "../../../core/option-names.ts";
import { checkNumber, invalidOptionError } from "../../../core/options.ts";
import { systemClock } from "../../../core/system-clock.ts";
import {
  type IoredisStreams,
  type NodeRedisStreams,
  publishToRedisStreams,
} from "../../outbox/publishers/redis-streams.ts";
import type { MessageWork } from "../inbox.ts";
import type { InboxMessage } from "../inbox-message.ts";
import {
  checkInboxAndWork,
  type Consumer,
  type ConsumerOptions,
  type Deliveries,
  deliveriesTo,
  deliveryId,
  textHeaders,
} from "./settle-delivery.ts";

/** What we use of a `Redis` of `ioredis`. */
export interface IoredisConsumer extends IoredisStreams {
  callBuffer(command: string, ...rest: (string | Buffer)[]): Promise<unknown>;
}

/** What we use of a client of `redis` (node-redis). */
export interface NodeRedisConsumer extends NodeRedisStreams {
  withTypeMapping(mapping: { 36: typeof Buffer }): { sendCommand(command: string[]): Promise<unknown> };
}

/** An entry of a stream: its fields, in which texts are bytes. */
export interface RedisEntry {
  readonly entryId: string;
  readonly fields: Readonly<Record<string, Buffer>>;
}

/** What is consumed in Redis. */
export interface RedisStreamsConsumerOptions<Transaction> extends ConsumerOptions<Transaction> {
  readonly stream: string;
  /** The group, which is made if it is not there, and then begins with the stream's first entry. Default the inbox's consumer. */
  readonly group?: string | undefined;
  /** This process' name in the group: another one in each process. Default a random one. */
  readonly name?: string | undefined;
  /** Where dead letters go; default the stream's key and `:dead`. */
  readonly deadLetterStream?: string | undefined;
  /**
   * How many entries are handled at a time: 1 to 1000, default 16. 1 keeps the stream's order in one process,
   * while that lives: what a dead one had comes after newer entries.
   */
  readonly concurrency?: number | undefined;
  /** How long an entry of a process that gives no sign of life stays its own, milliseconds; at least 100, default 30,000. */
  readonly claimIdleMs?: number | undefined;
  /** How often a stream without new entries is asked, milliseconds: at least 1, default 200. */
  readonly pollMs?: number | undefined;
  /** The producer's id of an entry; default its field `id`. */
  readonly id?: ((entry: RedisEntry) => string | undefined) | undefined;
}

/**
 * Consumes a stream of Redis or Valkey as one of a group, through your own client of `ioredis` or `redis`. An entry is
 * acknowledged when its effect has committed, or when its dead letter is in the other stream, with the reason among its
 * headers. Entries of processes that died are claimed by the others.
 *
 * @throws OnceAgainError `ONCE_OPTION_INVALID`; what Redis says when the group can't be made.
 */
export async function consumeRedisStreams<Transaction>(
  client: IoredisConsumer | NodeRedisConsumer,
  options: RedisStreamsConsumerOptions<Transaction>,
  work: MessageWork<Transaction>,
): Promise<Consumer> {
  checkNames("consumeRedisStreams", options, {
    inbox: true,
    stream: true,
    group: true,
    name: true,
    deadLetterStream: true,
    concurrency: true,
    claimIdleMs: true,
    pollMs: true,
    id: true,
    onError: true,
  } satisfies OptionNames<RedisStreamsConsumerOptions<Transaction>>);
  const { inbox, stream, concurrency = 16, claimIdleMs = 30_000, pollMs = 200, id = idField } = options;
  checkInboxAndWork(inbox, work);
  if (typeof stream !== "string" || stream === "") throw invalidOptionError("stream", "a stream's key", stream);
  checkNumber("concurrency", concurrency, { min: 1, max: 1000, integer: true });
  checkNumber("claimIdleMs", claimIdleMs, { min: 100, integer: true });
  checkNumber("pollMs", pollMs, { min: 1 });
  const { group = inbox.consumer, name = crypto.randomUUID(), deadLetterStream = `${stream}:dead` } = options;
  const deliveries = deliveriesTo(options, work, publishToRedisStreams(client, { stream: () => deadLetterStream }));
  const entries = entriesOf(senderOf(client), { stream, group, name, claimIdleMs });
  await entries.makeGroup();

  const running = new Map<string, Promise<void>>();
  const handle = async (entry: RedisEntry): Promise<void> => {
    const entryKey = deliveryId(id, entry, deliveries.onError);
    const handled = deliveries.handle(inboxMessageOf(entry, stream, entryKey, await entries.deliveries(entry)));
    const stop = keepClaimed(() => entries.keep(entry), claimIdleMs / 3, deliveries);
    const end = await handled.finally(stop);
    // One that is given back is claimed by another process when it has been idle for long enough.
    if (end === "acknowledge") await entries.acknowledge(entry);
  };
  const consume = async (): Promise<void> => {
    for (let claimAt = 0; !deliveries.stop.aborted;) {
      const free = concurrency - running.size;
      let found: RedisEntry[] = [];
      if (free > 0 && systemClock.monotonic() >= claimAt) {
        found = await entries.claim(free);
        if (found.length < free) claimAt = systemClock.monotonic() + claimIdleMs / 2;
      }
      if (found.length < free) found.push(...(await entries.read(free - found.length)));
      for (const entry of found) {
        if (running.has(entry.entryId)) continue;
        const handled = handle(entry)
          .catch(deliveries.onError)
          .finally(() => running.delete(entry.entryId));
        running.set(entry.entryId, handled);
      }
      if (running.size >= concurrency) await Promise.race(running.values());
      else if (found.length === 0) await sleep(systemClock, pollMs, deliveries.stop).catch(() => undefined);
    }
  };
  const ended = deliveries.insist(consume);
  const close = async (): Promise<void> => {
    await deliveries.close();
    await ended;
    await Promise.all(running.values());
  };
  return { close, [Symbol.asyncDispose]: close };
}

function idField({ fields }: RedisEntry): string | undefined {
  return fields["id"]?.toString();
}

function inboxMessageOf(entry: RedisEntry, stream: string, id: string | undefined, deliveries: number): InboxMessage {
  const { topic, headers, body = Buffer.alloc(0) } = entry.fields;
  return {
    id,
    topic: topic?.toString() ?? stream,
    headers: headersOf(headers),
    body: new Uint8Array(body),
    deliveries,
  };
}

/** Headers as `publishToRedisStreams` writes them; of anything else none. */
function headersOf(json: Buffer | undefined): Record<string, string> {
  try {
    return textHeaders(JSON.parse(json?.toString() ?? "{}") as Record<string, unknown>);
  } catch {
    return {};
  }
}

/** Tells Redis again and again that an entry is being handled. */
function keepClaimed(keep: () => Promise<unknown>, everyMs: number, { onError }: Deliveries): () => void {
  let cancel = (): void => undefined;
  const next = (): void => {
    cancel = systemClock.timer(everyMs, () => {
      keep().catch(onError);
      next();
    });
  };
  next();
  return () => cancel();
}

type Send = (...command: [string, ...string[]]) => Promise<unknown>;

/** Sends commands, in whose answers texts are bytes. */
function senderOf(client: IoredisConsumer | NodeRedisConsumer): Send {
  if (hasMethod(client, "callBuffer")) return (name, ...rest) => (client as IoredisConsumer).callBuffer(name, ...rest);
  if (hasMethod(client, "withTypeMapping")) {
    const typed = (client as NodeRedisConsumer).withTypeMapping({ 36: Buffer });
    return (...command) => typed.sendCommand(command);
  }
  throw wrongClientError("client", "a client of ioredis or redis", client);
}

type RawEntry = [id: Buffer, fields: Buffer[] | null];

/** The entries of one stream, for one process of one group. */
function entriesOf(
  send: Send,
  { stream, group, name, claimIdleMs }: { stream: string; group: string; name: string; claimIdleMs: number },
) {
  return {
    async makeGroup(): Promise<void> {
      await send("XGROUP", "CREATE", stream, group, "0", "MKSTREAM").catch((error: unknown) => {
        if (!(error instanceof Error && error.message.startsWith("BUSYGROUP"))) throw error;
      });
    },
    async read(count: number): Promise<RedisEntry[]> {
      const answer = await send("XREADGROUP", "GROUP", group, name, "COUNT", String(count), "STREAMS", stream, ">");
      return readEntries(ofFirstStream(answer));
    },
    async claim(count: number): Promise<RedisEntry[]> {
      const idle = String(claimIdleMs);
      const answer = await send("XAUTOCLAIM", stream, group, name, idle, "0", "COUNT", String(count));
      return readEntries((answer as [Buffer, RawEntry[]])[1]);
    },
    async deliveries({ entryId }: RedisEntry): Promise<number> {
      const answer = await send("XPENDING", stream, group, entryId, entryId, "1");
      return Number((answer as [Buffer, Buffer, number, unknown][])[0]?.[3] ?? 1);
    },
    keep: ({ entryId }: RedisEntry) => send("XCLAIM", stream, group, name, "0", entryId, "JUSTID"),
    acknowledge: ({ entryId }: RedisEntry) => send("XACK", stream, group, entryId),
  };
}

/** An answer has its streams as a list of pairs, or as a map in RESP3. */
function ofFirstStream(answer: unknown): RawEntry[] {
  if (answer === null || answer === undefined) return [];
  if (answer instanceof Map) return ([...answer.values()][0] ?? []) as RawEntry[];
  if (!Array.isArray(answer)) return (Object.values(answer)[0] ?? []) as RawEntry[];
  const [first] = answer as [unknown];
  return (Array.isArray(first) ? first[1] : answer[1]) as RawEntry[];
}

/** One whose fields are `null` was trimmed before anybody handled it. */
function readEntries(raw: readonly (RawEntry | null)[]): RedisEntry[] {
  return raw.flatMap((entry) => {
    if (entry === null || entry[1] === null) return [];
    const [id, list] = entry;
    const fields: Record<string, Buffer> = {};
    for (let index = 0; index < list.length; index += 2) fields[String(list[index])] = list[index + 1]!;
    return [{ entryId: id.toString(), fields }];
  });
}
