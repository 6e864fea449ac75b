import { hasMethod } from "../../../core/duck-typing.ts";
import { invalidOptionError } from "../../../core/options.ts";
import { type JetstreamPublisher, type NatsHeaders, publishToJetstream } from "../../outbox/publishers/jetstream.ts";
import type { Inbox, MessageWork } from "../inbox.ts";
import type { InboxMessage } from "../inbox-message.ts";
import type {
  JetstreamConsumerSource,
  JetstreamDelivery,
  JetstreamMessages,
  JetstreamStreams,
} from "./jetstream-client.ts";
import { partitionOf } from "./jetstream-partition.ts";
import {
  checkConsumer,
  concurrencyRule,
  type Consumer,
  type ConsumerOptions,
  type Deliveries,
  deliveriesTo,
  deliveryId,
  endingConsumer,
  handlingsOf,
  repeatSign,
} from "./settle-delivery.ts";

/** The options of a consumer of JetStream. */
export interface JetstreamConsumerOptions<Transaction, Headers> extends ConsumerOptions<Transaction> {
  /** Publishes dead letters: `jetstream(connection)`. */
  readonly jetstream: JetstreamPublisher<NoInfer<Headers>> & Partial<JetstreamStreams>;
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
   * while that lives; a consumer with a `max_ack_pending` of 1 keeps it always, as with `highWaterMark`.
   */
  readonly concurrency?: number | undefined;
  /** The producer's id of a message; default its header `Nats-Msg-Id`. */
  readonly id?: ((delivery: JetstreamDelivery) => string | undefined) | undefined;
}

/**
 * Consumes through a durable pull consumer of JetStream (`@nats-io/jetstream`). A message is acknowledged, and the server's
 * word for that awaited, when its effect has committed or its dead letter is stored, with the reason in the headers
 * `dead-letter-reason` and `dead-letter-detail`. While it is handled, the server is notified before each half of the
 * consumer's ack wait.
 *
 * @example
 * ```ts
 * const client = jetstream(connection);
 * const source = await client.consumers.get("shop", "billing");
 * const options = { inbox, jetstream: client, headers, deadLetterSubject: "dead.billing" };
 * const consumer = await consumeJetstream(source, options, async (message) => {
 *   await charge(readJson(message), message.id);
 * });
 * ```
 * @throws OnceAgainError `ONCE_OPTION_INVALID`, also for a consumer that does not wait for acknowledgements, or gives a
 *   message up before the inbox does (`max_deliver`), and with `highWaterMark` for one that can't keep the stream's order.
 */
export async function consumeJetstream<Transaction, Headers extends NatsHeaders>(
  source: JetstreamConsumerSource,
  options: JetstreamConsumerOptions<Transaction, Headers>,
  work: MessageWork<Transaction>,
): Promise<Consumer> {
  const { inbox, jetstream, headers, deadLetterSubject, highWaterMark, concurrency, id } = checkOptions(
    options,
    source,
    work,
  );
  let halfAckWaitMs = (await checkedAckWaitMs(source, highWaterMark)) / 2;
  const deliveries = deliveriesTo(
    options,
    work,
    publishToJetstream(jetstream, { headers, subject: () => deadLetterSubject }),
  );
  const onAnew = deliveries.onError;
  const positionOf = highWaterMark ? partitionOf(source, jetstream, onAnew) : undefined;
  let messages: JetstreamMessages | undefined;

  const handle = async (delivery: JetstreamDelivery): Promise<void> => {
    const stop = repeatSign(halfAckWaitMs, () => delivery.working(), deliveries);
    try {
      const message = inboxMessageOf(delivery, deliveryId(id, delivery, deliveries.onError));
      const position = await positionOf?.(delivery);
      const parts = { id: letterId(inbox.consumer, delivery), source: delivery.subject };
      const end = await deliveries.handle({ ...message, position }, parts);
      await stop();
      if (end === "acknowledge") await delivery.ackAck();
      // Nothing is delivered here any more: the server heard that before.
      else delivery.nak();
    } finally {
      void stop();
    }
  };
  const consume = async (): Promise<void> => {
    await deliveries.ready();
    if (deliveries.stop.aborted) return;
    // It may have been made anew, with other rules.
    halfAckWaitMs = (await checkedAckWaitMs(source, highWaterMark)) / 2;
    const taken = await source.consume({ max_messages: concurrency });
    messages = taken;
    if (deliveries.stop.aborted) leave(taken, deliveries);
    let loss: Error | undefined;
    watch(taken, (error) => {
      loss = error;
      leave(taken, deliveries);
    }).catch(deliveries.onError);
    const handlings = handlingsOf(deliveries, concurrency);
    for await (const delivery of taken) {
      handlings.add(handle(delivery));
      await handlings.waitForRoom();
    }
    await handlings.ended();
    if (!deliveries.stop.aborted) throw loss ?? new Error("JetStream ended the messages of this consumer.");
  };
  deliveries.stop.addEventListener(
    "abort",
    () => {
      if (messages !== undefined) leave(messages, deliveries);
    },
    { once: true },
  );
  const ended = deliveries.insist(consume);
  return endingConsumer(deliveries, "JetStream did not end this consumer's messages", () => ended);
}

/** Takes no more messages. Those that were delivered already still come, so that they can be given back. */
function leave(messages: JetstreamMessages, { onError }: Deliveries): void {
  messages.close().catch(onError);
}

/** The notices that a consumer no longer exists. Without a word, its client looks for it once a minute. */
const losses: ReadonlySet<string> = new Set(["consumer_deleted", "consumer_not_found", "stream_not_found"]);

/** Calls `onLoss` when the stream or the consumer is not there any more. Resolves when the messages have ended. */
async function watch(messages: JetstreamMessages, onLoss: (error: Error) => void): Promise<void> {
  for await (const { type } of messages.status?.() ?? []) {
    if (losses.has(type)) onLoss(new Error(`The stream or the consumer of JetStream is gone: ${type}.`));
  }
}

/**
 * The id of a delivery's dead letter: that of the stored message, and not of its producer. A message that is sent again after
 * it was a dead letter may be one again; a dead letter of the same delivery is one letter, however often it is written.
 */
function letterId(consumer: string, { info }: JetstreamDelivery): string {
  return `${consumer}:${info.stream}:${info.streamSequence}:${info.timestampNanos}`;
}

/** @throws OnceAgainError `ONCE_OPTION_INVALID` for an option that makes no sense. */
function checkOptions<Transaction, Headers>(
  options: JetstreamConsumerOptions<Transaction, Headers>,
  source: JetstreamConsumerSource,
  work: MessageWork<Transaction>,
) {
  checkConsumer("consumeJetstream", options, work, {
    jetstream: true,
    headers: true,
    deadLetterSubject: true,
    concurrency: concurrencyRule,
    highWaterMark: "boolean",
  });
  const { inbox, jetstream, headers, deadLetterSubject, highWaterMark = false, id = messageIdOf } = options;
  const { concurrency = highWaterMark ? 1 : 16 } = options;
  if (!hasMethod(source, "consume")) throw invalidOptionError("source", "a consumer of JetStream", typeof source);
  if (typeof deadLetterSubject !== "string" || deadLetterSubject === "") {
    throw invalidOptionError("deadLetterSubject", "a subject that a stream has", deadLetterSubject);
  }
  if (highWaterMark) checkMarkOptions(options, concurrency);
  return { inbox, jetstream, headers, deadLetterSubject, highWaterMark, concurrency, id };
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
  // The next message would pass one that is not acknowledged, and move the mark as if both were handled.
  if (highWaterMark && config.max_ack_pending !== 1) {
    throw invalidOptionError("The consumer's max_ack_pending", "1, which keeps the order", config.max_ack_pending);
  }
  return ackWaitNs / 1e6;
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
