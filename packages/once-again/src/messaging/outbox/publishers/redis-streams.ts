import { hasMethod, wrongClientError } from "../../../core/duck-typing.ts";
import { checkNames, type OptionNames } from "../../../core/option-names.ts";
import { checkNumber } from "../../../core/options.ts";
import { outliveBrokenConnection } from "../../../core/outlive-broken-connection.ts";
import type { OutboxMessage } from "../../../stores/outbox-store.ts";
import { messageText, type Publish, refusedError, unavailableError } from "../publish.ts";
import { messageHeaders } from "./message-headers.ts";

/** The parts that we use of a `Redis` or `Cluster` of `ioredis`. */
export interface IoredisStreams {
  xadd(...parts: (string | Buffer)[]): Promise<unknown>;
}

/** The parts that we use of a client of `redis` (node-redis). */
export interface NodeRedisStreams {
  xAdd(
    stream: string,
    id: "*",
    fields: Record<string, string | Buffer>,
    options?: { TRIM: { strategy: "MAXLEN"; strategyModifier: "~"; threshold: number } },
  ): Promise<unknown>;
}

/** Where messages go in Redis. */
export interface RedisStreamsPublisherOptions {
  /** The stream's key; default the message's topic. */
  readonly stream?: ((message: OutboxMessage) => string) | undefined;
  /** About how many entries a stream keeps; at least 1. Default all: then you have to trim them. */
  readonly entriesMax?: number | undefined;
}

/**
 * Publishes to streams of Redis or Valkey, through your own client of `ioredis` or `redis`: an entry with the fields `id`,
 * `topic`, `orderingKey` (where there is one), `headers` (JSON) and `body`. A repeat is another entry with the same `id`. Redis
 * answers before a replica has it: a failover may forget what it has confirmed.
 *
 * @example
 * ```ts
 * const relay = openRelay({ outbox, publish: publishToRedisStreams(new Redis(url), { entriesMax: 1_000_000 }) });
 * ```
 * @throws OnceAgainError `ONCE_OPTION_INVALID`.
 */
export function publishToRedisStreams(
  client: IoredisStreams | NodeRedisStreams,
  options: RedisStreamsPublisherOptions = {},
): Publish {
  checkNames("publishToRedisStreams", options, {
    stream: true,
    entriesMax: true,
  } satisfies OptionNames<RedisStreamsPublisherOptions>);
  const { entriesMax } = options;
  const stream = messageText("stream", options.stream, ({ topic }) => topic);
  if (entriesMax !== undefined) checkNumber("entriesMax", entriesMax, { min: 1, integer: true });
  const add = entryAdder(client, entriesMax);
  const publish: Publish = async (message) => {
    const { id, topic, orderingKey, headers, body } = message;
    const ordering = orderingKey === undefined ? {} : { orderingKey };
    const fields = {
      id,
      topic,
      ...ordering,
      headers: JSON.stringify(messageHeaders(headers)),
      body: Buffer.from(body),
    };
    await add(stream(message), fields).catch((error: unknown) => {
      throw isRefusal(error)
        ? refusedError(`Redis won't take the message: ${error.message}`, error)
        : unavailableError("Redis did not confirm the message.", error);
    });
  };
  return Object.assign(publish, { place: stream });
}

type AddEntry = (stream: string, fields: Record<string, string | Buffer>) => Promise<unknown>;

function entryAdder(client: IoredisStreams | NodeRedisStreams, entriesMax: number | undefined): AddEntry {
  if (hasMethod(client, "xAdd")) {
    // One of `ioredis` goes on without a listener.
    outliveBrokenConnection(client);
    const TRIM = { strategy: "MAXLEN", strategyModifier: "~", threshold: entriesMax ?? 0 } as const;
    const trim = entriesMax === undefined ? undefined : { TRIM };
    return (stream, fields) => (client as NodeRedisStreams).xAdd(stream, "*", fields, trim);
  }
  if (hasMethod(client, "xadd")) {
    const trim = entriesMax === undefined ? [] : ["MAXLEN", "~", String(entriesMax)];
    return (stream, fields) => (client as IoredisStreams).xadd(stream, ...trim, "*", ...Object.entries(fields).flat());
  }
  throw wrongClientError("client", "a client of ioredis or redis", client);
}

/** Whether the answer is about this message: its key is no stream, or is not ours to write. All others pass. */
function isRefusal(error: unknown): error is Error {
  return error instanceof Error && /^(WRONGTYPE|NOPERM|ERR)\b/.test(error.message);
}
