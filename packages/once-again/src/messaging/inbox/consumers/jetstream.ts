import { hasMethod } from "../../../core/client-names.ts";
import { checkNames, type OptionNames } from "../../../core/option-names.ts";
import { checkNumber, invalidOptionError } from "../../../core/options.ts";
import { systemClock } from "../../../core/system-clock.ts";
import { type JetstreamPublisher, type NatsHeaders, publishToJetstream } from "../../outbox/publishers/jetstream.ts";
import type { Inbox, MessageWork } from "../inbox.ts";
import type { InboxMessage, MessagePosition } from "../inbox-message.ts";
import {
  checkInboxAndWork,
  type Consumer,
  type ConsumerOptions,
  type Deliveries,
  deliveriesTo,
  deliveryId,
} from "./settle-delivery.ts";

/** What we use of a message of `@nats-io/jetstream`. */
export interface JetstreamDelivery {
  readonly subject: string;
  readonly data: Uint8Array;
  readonly headers?: { keys(): string[]; get(name: string): string } | undefined;
  readonly info: {
    readonly deliveryCount: number;
    readonly streamSequence: number;
    /** When the stream stored it. */
    readonly timestampNanos: number;
  };
  /** Acknowledges it, and waits until the server has heard that. */
  ackAck(): Promise<boolean>;
  nak(delayMs?: number): void;
  /** Says that it is being handled still. */
  working(): void;
}

/** What we use of a pull consumer of `@nats-io/jetstream`. */
export interface JetstreamConsumerSource {
  info(cached?: boolean): Promise<{
    readonly stream_name: string;
    readonly config: {
      readonly ack_policy?: string;
      readonly ack_wait?: number;
      readonly max_deliver?: number;
      readonly max_ack_pending?: number;
    };
  }>;
  consume(options: { max_messages: number }): Promise<JetstreamMessages>;
}

/** What we use of the messages that `consume()` gives. */
export interface JetstreamMessages extends AsyncIterable<JetstreamDelivery> {
  close(): Promise<unknown>;
}

/** What we use beside of what `jetstream(connection)` gives, where a high-water mark is used. */
export interface JetstreamStreams {
  jetstreamManager(): Promise<{ readonly streams: { info(stream: string): Promise<{ readonly created: string }> } }>;
}

/** What is consumed in JetStream. */
export interface JetstreamConsumerOptions<Transaction, Headers> extends ConsumerOptions<Transaction> {
  /** Publishes dead letters: `jetstream(connection)`. */
  readonly jetstream: JetstreamPublisher<Headers> & Partial<JetstreamStreams>;
  /** The function `headers` of `@nats-io/transport-node`. */
  readonly headers: () => Headers;
  /** The subject of dead letters, which a stream has to have. */
  readonly deadLetterSubject: string;
  /**
   * Whether the stream's numbers tell repeats, for ever, in place of a record for each message; default false. The inbox has to
   * be transactional, and the consumer's `max_ack_pending` 1, which keeps the stream's order. Ids are remembered beside it,
   * against a producer that sends a message twice: `id: () => undefined` says that none does.
   */
  readonly highWaterMark?: boolean | undefined;
  /**
   * How many messages are handled at a time: 1 to 1000, default 16. 1 keeps the stream's order in one process,
   * while that lives; a consumer whose `max_ack_pending` is 1 keeps it always, as with `highWaterMark`.
   */
  readonly concurrency?: number | undefined;
  /** The producer's id of a message; default its header `Nats-Msg-Id`. */
  readonly id?: ((delivery: JetstreamDelivery) => string | undefined) | undefined;
}

/**
 * Consumes through a durable pull consumer of JetStream (`@nats-io/jetstream`). A message is acknowledged, and the server's
 * word for that awaited, when its effect has committed or its dead letter is stored, with the reason in the headers
 * `dead-letter-reason` and `dead-letter-detail`. While it is handled, the server is told so before each half of the
 * consumer's ack wait.
 *
 * @throws OnceAgainError `ONCE_OPTION_INVALID`, also for a consumer that does not wait for acknowledgements, or gives a
 *   message up before the inbox does (`max_deliver`), and with `highWaterMark` for one that can't keep the stream's order.
 */
export async function consumeJetstream<Transaction, Headers extends NatsHeaders>(
  source: JetstreamConsumerSource,
  options: JetstreamConsumerOptions<Transaction, Headers>,
  work: MessageWork<Transaction>,
): Promise<Consumer> {
  checkNames("consumeJetstream", options, {
    inbox: true,
    jetstream: true,
    headers: true,
    deadLetterSubject: true,
    concurrency: true,
    highWaterMark: "boolean",
    id: true,
    onError: true,
  } satisfies OptionNames<JetstreamConsumerOptions<Transaction, Headers>>);
  const { inbox, jetstream, headers, deadLetterSubject, highWaterMark = false, id = messageIdOf } = options;
  const { concurrency = highWaterMark ? 1 : 16 } = options;
  if (!hasMethod(source, "consume")) throw invalidOptionError("source", "a consumer of JetStream", typeof source);
  checkInboxAndWork(inbox, work);
  checkNumber("concurrency", concurrency, { min: 1, max: 1000, integer: true });
  if (typeof deadLetterSubject !== "string" || deadLetterSubject === "") {
    throw invalidOptionError("deadLetterSubject", "a subject that a stream has", deadLetterSubject);
  }
  if (highWaterMark) checkMarkOptions(options, concurrency);
  const halfAckWaitMs = (await checkedAckWaitMs(source, highWaterMark)) / 2;
  const letters = publishToJetstream(jetstream, {
    headers,
    subject: () => deadLetterSubject,
    // Another consumer of the same message may have made a dead letter of it, too.
    messageId: (message) => `${inbox.consumer}:${message.id}`,
  });
  const deliveries = deliveriesTo(options, work, letters);
  let messages: JetstreamMessages | undefined;

  const handle = async (delivery: JetstreamDelivery, partition: string | undefined): Promise<void> => {
    const stop = repeat(halfAckWaitMs, () => delivery.working(), deliveries);
    try {
      const position = partition === undefined ? undefined : positionOf(delivery, partition);
      const end = await deliveries.handle({
        ...inboxMessageOf(delivery, deliveryId(id, delivery, deliveries.onError)),
        position,
      });
      stop();
      if (end === "acknowledge") await delivery.ackAck();
      else delivery.nak();
    } finally {
      stop();
    }
  };
  const consume = async (): Promise<void> => {
    const partition = highWaterMark ? await partitionOf(source, jetstream) : undefined;
    messages = await source.consume({ max_messages: concurrency });
    const running = new Set<Promise<void>>();
    for await (const delivery of messages) {
      const handled: Promise<void> = handle(delivery, partition)
        // It is delivered again when nobody has heard of it for the ack wait.
        .catch(deliveries.onError)
        .finally(() => running.delete(handled));
      running.add(handled);
      if (running.size >= concurrency) await Promise.race(running);
    }
    await Promise.all(running);
    if (!deliveries.stop.aborted) throw new Error("JetStream ended the messages of this consumer.");
  };
  const ended = deliveries.insist(consume);
  const close = async (): Promise<void> => {
    const closed = deliveries.close();
    await messages?.close();
    await closed;
    await ended;
  };
  return { close, [Symbol.asyncDispose]: close };
}

function checkMarkOptions(
  { inbox, jetstream }: { inbox: Pick<Inbox, "hasMarks">; jetstream: Partial<JetstreamStreams> },
  concurrency: number,
): void {
  if (!inbox.hasMarks) {
    throw invalidOptionError(
      "highWaterMark",
      'false, or the inbox one with mode: "transactional" on an SQL store',
      true,
    );
  }
  if (concurrency !== 1)
    throw invalidOptionError("concurrency", "1 with highWaterMark, which keeps the order", concurrency);
  if (!hasMethod(jetstream, "jetstreamManager")) {
    throw invalidOptionError(
      "jetstream",
      "what jetstream(connection) gives, with its jetstreamManager()",
      typeof jetstream,
    );
  }
}

/**
 * How long the server waits for an acknowledgement, milliseconds.
 *
 * @throws OnceAgainError `ONCE_OPTION_INVALID` for a consumer that could lose messages.
 */
async function checkedAckWaitMs(source: JetstreamConsumerSource, highWaterMark: boolean): Promise<number> {
  const { config } = await source.info();
  const { ack_policy: policy, ack_wait: ackWaitNs = 30e9, max_deliver: deliveriesMax = -1 } = config;
  if (policy !== "explicit") throw invalidOptionError("The consumer's ack_policy", '"explicit"', policy);
  if (deliveriesMax > 0)
    throw invalidOptionError("The consumer's max_deliver", "-1, as the inbox counts", deliveriesMax);
  // One that is not acknowledged would be passed by the next one, whose mark then says that both were handled.
  if (highWaterMark && config.max_ack_pending !== 1) {
    throw invalidOptionError("The consumer's max_ack_pending", "1, which keeps the order", config.max_ack_pending);
  }
  return ackWaitNs / 1e6;
}

/** The stream's name, and when it was made: one that was deleted and made anew begins its numbers again. */
async function partitionOf(source: JetstreamConsumerSource, jetstream: Partial<JetstreamStreams>): Promise<string> {
  const { stream_name: stream } = await source.info();
  const { created } = await (await jetstream.jetstreamManager!()).streams.info(stream);
  return `${stream}@${created}`;
}

function positionOf({ info }: JetstreamDelivery, partition: string): MessagePosition {
  return { partition, sequence: info.streamSequence, storedAt: info.timestampNanos / 1e6 };
}

function messageIdOf({ headers }: JetstreamDelivery): string | undefined {
  return headers?.get("Nats-Msg-Id") || undefined;
}

function inboxMessageOf(delivery: JetstreamDelivery, id: string | undefined): InboxMessage {
  const { subject, data, headers, info } = delivery;
  const names = headers?.keys() ?? [];
  const texts = Object.fromEntries(names.map((name) => [name.toLowerCase(), headers!.get(name)]));
  const { topic = subject, "nats-msg-id": _id, ...others } = texts;
  return { id, topic, headers: others, body: data, deliveries: info.deliveryCount };
}

/** Calls again and again, until it is stopped, also where the call throws: it does on a connection that was closed. */
function repeat(everyMs: number, call: () => void, { onError }: Deliveries): () => void {
  let cancel = (): void => undefined;
  const next = (): void => {
    cancel = systemClock.timer(everyMs, () => {
      try {
        call();
      } catch (error) {
        onError(error);
      }
      next();
    });
  };
  next();
  return () => cancel();
}
