import { hasMethod, wrongClientError } from "../../../core/duck-typing.ts";
import { keyQueue } from "../../../core/key-queue.ts";
import { checkNames, type OptionNames } from "../../../core/option-names.ts";
import type { OutboxMessage } from "../../../stores/outbox-store.ts";
import { messageText, type Publish, refusedError, unavailableError } from "../publish.ts";
import { messageHeaders } from "./message-headers.ts";

/** The parts that we use of a producer of `kafkajs`. */
export interface KafkaProducer {
  send(record: {
    topic: string;
    acks: number;
    messages: { key: string | null; value: Buffer; headers: Record<string, string>; timestamp: string }[];
  }): Promise<unknown>;
}

/** Where messages go in Kafka. */
export interface KafkaPublisherOptions {
  /** Default the message's topic. */
  readonly topic?: ((message: OutboxMessage) => string) | undefined;
}

/**
 * Publishes to Kafka, through your own connected producer of `kafkajs`, and waits until all replicas in sync have the message
 * (`acks: -1`). The ordering key is Kafka's key, and so decides the partition; one message of a key is on its way at a time.
 * The id is in the header `id`. A repeat, as after an acknowledgement that was lost, is a second message with the same `id`:
 * consumers need an inbox.
 *
 * @example
 * ```ts
 * const producer = kafka.producer();
 * await producer.connect();
 * const relay = openRelay({ outbox, publish: publishToKafka(producer) });
 * ```
 * @throws OnceAgainError `ONCE_OPTION_INVALID`.
 */
export function publishToKafka(producer: KafkaProducer, options: KafkaPublisherOptions = {}): Publish {
  checkNames("publishToKafka", options, { topic: true } satisfies OptionNames<KafkaPublisherOptions>);
  const place = messageText("topic", options.topic, ({ topic }) => topic);
  if (!hasMethod(producer, "send")) throw wrongClientError("producer", "a producer of kafkajs", producer);
  const inTurn = keyQueue();
  const publish: Publish = async (message, { signal }) => {
    const { id, orderingKey, headers, body, addedAt } = message;
    const topic = place(message);
    const sent = {
      key: orderingKey ?? null,
      value: Buffer.from(body),
      headers: messageHeaders(headers, { id }),
      timestamp: String(addedAt),
    };
    const send = async (): Promise<void> => {
      // Given up while it waited for its turn: it is sent by its next attempt, and not by both.
      if (signal.aborted) throw unavailableError("Kafka did not confirm the message before in time.", signal.reason);
      await producer.send({ topic, acks: -1, messages: [sent] }).catch((error: unknown) => {
        const type = refusal(error);
        throw type === undefined
          ? unavailableError("Kafka did not confirm the message.", error)
          : refusedError(`Kafka won't take the message: ${type}.`, error, { isTooLarge: type.endsWith("_TOO_LARGE") });
      });
    };
    // One that was given up may be on its way still: the next one of its key waits for it.
    await (orderingKey === undefined ? send() : inTurn(`${topic} ${orderingKey}`, send));
  };
  return Object.assign(publish, { place });
}

/** The errors of Kafka's protocol of which a message is the reason, or its topic. */
const refusals: ReadonlySet<unknown> = new Set([
  "CORRUPT_MESSAGE",
  "INVALID_RECORD",
  "INVALID_TIMESTAMP",
  "INVALID_TOPIC_EXCEPTION",
  "MESSAGE_TOO_LARGE",
  "RECORD_LIST_TOO_LARGE",
  "TOPIC_AUTHORIZATION_FAILED",
  "UNKNOWN_TOPIC_OR_PARTITION",
]);

/** How deep a client wraps the broker's error, at most. */
const causesMax = 5;

function refusal(error: unknown): string | undefined {
  let inner = error as { type?: unknown; cause?: unknown } | undefined;
  for (let depth = 0; depth < causesMax && typeof inner === "object" && inner !== null; depth += 1) {
    if (refusals.has(inner.type)) return String(inner.type);
    inner = inner.cause as typeof inner;
  }
  return undefined;
}
