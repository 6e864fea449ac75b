import { logError } from "../../../core/error-log.ts";
import { sleep } from "../../../core/clock.ts";
import { hasMethod } from "../../../core/duck-typing.ts";
import { notify } from "../../../core/listener.ts";
import { outliveBrokenConnection } from "../../../core/outlive-broken-connection.ts";
import { invalidOptionError } from "../../../core/options.ts";
import { systemClock } from "../../../core/system-clock.ts";
import { publishToRedisStreams } from "../../outbox/publishers/redis-streams.ts";
import type { MessageWork } from "../inbox.ts";
import type { InboxMessage } from "../inbox-message.ts";
import { entriesOf, type IoredisConsumer, type NodeRedisConsumer, type RedisEntry, senderOf } from "./redis-entries.ts";
import { redisGroup } from "./redis-group.ts";
import {
  checkConsumer,
  concurrencyRule,
  type Consumer,
  type ConsumerOptions,
  deliveriesTo,
  deliveryId,
  endingConsumer,
  handlingsOf,
  repeatSign,
  writtenHeaders,
} from "./settle-delivery.ts";

/** The options of a consumer of Redis. */
export interface RedisStreamsConsumerOptions<Transaction> extends ConsumerOptions<Transaction> {
  readonly stream: string;
  /**
   * The group. Default the inbox's consumer. It is made if it is not there, and then begins with the stream's first entry. One
   * that vanishes while it is consumed begins where all before was acknowledged, or with the first entry of a new stream.
   */
  readonly group?: string | undefined;
  /**
   * This process' name in the group: another one in each process. Default a random one. A clean close removes it from the
   * group, and so does another process when it has no entries and gave no sign of life for an hour.
   */
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
 * headers. Entries of processes that died are claimed by the others, and at once those that a process gave back when it closed.
 *
 * @throws OnceAgainError `ONCE_OPTION_INVALID`; what Redis says when the group can't be made.
 */
export async function consumeRedisStreams<Transaction>(
  client: IoredisConsumer | NodeRedisConsumer,
  options: RedisStreamsConsumerOptions<Transaction>,
  work: MessageWork<Transaction>,
): Promise<Consumer> {
  const { stream, group, name, deadLetterStream, concurrency, claimIdleMs, pollMs, id } = checkOptions(options, work);
  surviveBrokenConnection(client, options);
  const deliveries = deliveriesTo(options, work, publishToRedisStreams(client, { stream: () => deadLetterStream }));
  const send = senderOf(client);
  const entries = entriesOf(send, { stream, group, name, claimIdleMs });
  const streamGroup = redisGroup(send, { stream, group });
  await streamGroup.make();

  const handlings = handlingsOf(deliveries, concurrency);
  const taken = new Set<string>();
  const handle = async (entry: RedisEntry): Promise<void> => {
    const entryKey = deliveryId(id, entry, deliveries.onError);
    const count = await entries.deliveries(entry);
    // So that others do not claim it.
    const stop = repeatSign(claimIdleMs / 3, () => entries.keep(entry), deliveries);
    const parts = { source: stream, orderingKey: entry.fields["orderingKey"]?.toString() };
    const message = inboxMessageOf(entry, stream, entryKey, count);
    const end = await deliveries.handle(message, parts).finally(() => void stop());
    if (end === "acknowledge") return void (await entries.acknowledge(entry));
    // Given back before, it would be claimed here again.
    await ended;
    await entries.giveBack(entry, count);
  };
  const take = (entry: RedisEntry): void => {
    if (taken.has(entry.entryId)) return;
    taken.add(entry.entryId);
    handlings.add(handle(entry).finally(() => taken.delete(entry.entryId)));
  };
  const consume = async (): Promise<void> => {
    await deliveries.ready();
    const anew = await streamGroup.make();
    if (anew !== undefined) deliveries.onError(anew);
    for (let [claimAt, tidyAt] = [0, 0]; !deliveries.stop.aborted;) {
      const now = systemClock.monotonic();
      if (now >= tidyAt) {
        await streamGroup.tidy().catch(deliveries.onError);
        tidyAt = now + tidyMs;
      }
      const room = handlings.room();
      const found: RedisEntry[] = [];
      if (room > 0 && now >= claimAt) {
        const claimed = await entries.claim(room);
        found.push(...claimed.entries);
        if (claimed.isWhole) {
          await streamGroup.look();
          claimAt = now + Math.min(claimIdleMs / 2, claimMsMax);
        }
      }
      if (found.length < room) found.push(...(await entries.read(room - found.length)));
      found.forEach(take);
      if (handlings.room() <= 0) await handlings.waitForRoom();
      else if (found.length === 0) await sleep(systemClock, pollMs, deliveries.stop).catch(() => undefined);
    }
  };
  const ended = deliveries.insist(consume);
  return endingConsumer(deliveries, "Redis did not take back what was not handled", async () => {
    await ended;
    await handlings.ended();
    await streamGroup.tidy(name);
  });
}

/** A client of `ioredis` goes on without a listener. */
function surviveBrokenConnection(
  client: IoredisConsumer | NodeRedisConsumer,
  { inbox, onError = logError }: Pick<RedisStreamsConsumerOptions<unknown>, "inbox" | "onError">,
): void {
  if (!hasMethod(client, "callBuffer"))
    outliveBrokenConnection(client, (error) => notify(onError, error, { room: "consumer", consumer: inbox.consumer }));
}

/** @throws OnceAgainError `ONCE_OPTION_INVALID` for an option that makes no sense. */
function checkOptions<Transaction>(options: RedisStreamsConsumerOptions<Transaction>, work: MessageWork<Transaction>) {
  checkConsumer("consumeRedisStreams", options, work, {
    stream: true,
    group: true,
    name: true,
    deadLetterStream: true,
    concurrency: concurrencyRule,
    claimIdleMs: { min: 100, integer: true },
    pollMs: { min: 1 },
  });
  const { inbox, stream, concurrency = 16, claimIdleMs = 30_000, pollMs = 200, id = idField } = options;
  if (typeof stream !== "string" || stream === "") throw invalidOptionError("stream", "a stream's key", stream);
  const { group = inbox.consumer, name = crypto.randomUUID(), deadLetterStream = `${stream}:dead` } = options;
  return { stream, group, name, deadLetterStream, concurrency, claimIdleMs, pollMs, id };
}

/** How often a process looks for entries of others that it may claim, milliseconds at most. */
const claimMsMax = 1000;
/** How often it looks for consumers that are gone, milliseconds. */
const tidyMs = 600_000;

function idField({ fields }: RedisEntry): string | undefined {
  return fields["id"]?.toString();
}

function inboxMessageOf(entry: RedisEntry, stream: string, id: string | undefined, deliveries: number): InboxMessage {
  const { topic, headers, body = Buffer.alloc(0) } = entry.fields;
  return {
    id,
    topic: topic?.toString() ?? stream,
    headers: writtenHeaders(headers?.toString()),
    body: new Uint8Array(body),
    deliveries,
  };
}
