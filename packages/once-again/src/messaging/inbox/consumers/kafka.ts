import { sleep } from "../../../core/clock.ts";
import { hasMethod, wrongClientError } from "../../../core/duck-typing.ts";
import { OnceAgainError } from "../../../core/errors.ts";
import { requireText, invalidOptionError } from "../../../core/options.ts";
import { systemClock } from "../../../core/system-clock.ts";
import { nameProblem } from "../../../key/key.ts";
import { type KafkaProducer, publishToKafka } from "../../outbox/publishers/kafka.ts";
import type { Inbox, MessageWork } from "../inbox.ts";
import type { InboxMessage } from "../inbox-message.ts";
import { cuttingLargeLetters } from "./dead-letter.ts";
import {
  checkConsumer,
  concurrencyRule,
  type Consumer,
  type ConsumerOptions,
  deliveriesTo,
  deliveryId,
  endingConsumer,
  repeatSign,
} from "./settle-delivery.ts";

type HeaderValue = Buffer | string | (Buffer | string)[] | undefined;

/** The parts that we use of a message of `kafkajs`. */
export interface KafkaDelivery {
  readonly topic: string;
  readonly partition: number;
  readonly message: {
    readonly offset: string;
    readonly key?: Buffer | null | undefined;
    readonly value: Buffer | null;
    readonly timestamp?: string | undefined;
    /** Missing in the types of kafkajs. */
    readonly batchContext?: { readonly timestampType?: number | undefined } | undefined;
    readonly headers?: Readonly<Record<string, HeaderValue>> | undefined;
  };
}

/** The parts that we use of a consumer of `kafkajs`. */
export interface KafkaConsumerClient {
  run(config: {
    autoCommit: false;
    partitionsConsumedConcurrently: number;
    eachMessage(delivery: KafkaDelivery & { heartbeat(): Promise<void> }): Promise<void>;
  }): Promise<void>;
  commitOffsets(offsets: { topic: string; partition: number; offset: string }[]): Promise<void>;
  seek(place: { topic: string; partition: number; offset: string }): void;
  on(event: "consumer.crash", listener: (event: { payload: { error: Error } }) => void): unknown;
  on(
    event: "consumer.start_batch_process",
    listener: (event: { payload: { topic: string; partition: number; highWatermark: string } }) => void,
  ): unknown;
  stop(): Promise<void>;
}

/** The options of a consumer of Kafka. */
export interface KafkaConsumerOptions<Transaction> extends ConsumerOptions<Transaction> {
  /** A connected producer of `kafkajs`, for dead letters. */
  readonly producer: KafkaProducer;
  /** Where dead letters go: a topic that has to be there; default the message's topic and `.dead`. */
  readonly deadLetterTopic?: ((delivery: { readonly topic: string }) => string) | undefined;
  /** How many partitions are handled at a time: 1 to 1000, default 16. Messages of one partition keep their order. */
  readonly concurrency?: number | undefined;
  /**
   * Names a topic in marks and ids; default its own name. One that was deleted and made anew numbers its messages again from 0,
   * and needs another name here: under the old one they would pass for repeats. A partition that ends before its mark is
   * held up, and `onError` gets `ONCE_MARK_AHEAD`.
   */
  readonly topicName?: ((topic: string) => string) | undefined;
  /** The producer's id of a message; default its header `id`. It is needed only against a producer that sends twice. */
  readonly id?: ((delivery: KafkaDelivery) => string | undefined) | undefined;
}

/**
 * Consumes topics of Kafka through your own consumer of `kafkajs`, connected and subscribed; give it nothing else to run.
 * With a transactional inbox a partition's high-water mark moves in the effect's own transaction, and finds repeats for
 * ever; a leased inbox remembers ids, of producers or else of topic, partition and offset. An offset is committed when the effect
 * of its message has committed, or its dead letter is stored. While a message is handled, its group gets heartbeats.
 *
 * @throws OnceAgainError `ONCE_OPTION_INVALID`.
 * @example
 * ```ts
 * const source = kafka.consumer({ groupId: "billing" });
 * await source.connect();
 * await source.subscribe({ topics: ["orders"], fromBeginning: true });
 * const consumer = await consumeKafka(source, { inbox, producer }, async (message) => {
 *   await charge(readJson(message), message.id);
 * });
 * ```
 */
export async function consumeKafka<Transaction>(
  source: KafkaConsumerClient,
  options: KafkaConsumerOptions<Transaction>,
  work: MessageWork<Transaction>,
): Promise<Consumer> {
  const { inbox, producer, concurrency, topicName, deadLetterTopic, id } = checkOptions(options, source, work);
  const deliveries = deliveriesTo(
    options,
    work,
    cuttingLargeLetters(
      publishToKafka(producer, { topic: (letter) => requireText("deadLetterTopic()", deadLetterTopic(letter)) }),
    ),
  );
  source.on("consumer.crash", ({ payload: { error } }) => deliveries.onError(error));
  // The client says so before it hands over the messages of an answer.
  const ends = new Map<string, number>();
  source.on("consumer.start_batch_process", ({ payload: { topic, partition, highWatermark } }) => {
    ends.set(`${topic}/${partition}`, Number(highWatermark));
  });
  /** Partitions that ended before their marks: in one fetch, or surely, in two. */
  const ahead = new Map<string, { readonly error: OnceAgainError; readonly isSure: boolean }>();
  const fetchAgain = ({ topic, partition, message }: KafkaDelivery): void => {
    if (!deliveries.stop.aborted) source.seek({ topic, partition, offset: message.offset });
  };
  /** A partition that grew beyond its mark meanwhile would pass for one that was handled, so it is not looked at again. */
  const holdUp = async (delivery: KafkaDelivery, error: OnceAgainError): Promise<void> => {
    deliveries.onError(error);
    await sleep(systemClock, reportMs, deliveries.stop).catch(() => undefined);
    fetchAgain(delivery);
  };

  const eachMessage = async (delivery: KafkaDelivery & { heartbeat(): Promise<void> }): Promise<void> => {
    const { topic, partition, message } = delivery;
    const place = `${topic}/${partition}`;
    const stop = repeatSign(heartbeatMs, () => delivery.heartbeat(), deliveries);
    try {
      const known = ahead.get(place);
      if (known?.isSure) return await holdUp(delivery, known.error);
      let end: "acknowledge" | "give-back" | OnceAgainError = "give-back";
      // One that can't be handed over, since its topic has no name, holds up its partition: a commit behind it would lose it.
      await deliveries.insist(async () => {
        const producers = deliveryId(id, delivery, deliveries.onError);
        const name = checkedName(topicName(topic));
        const handed = inboxMessageOf(inbox, delivery, name, producers, ends.get(place));
        const parts = { place: `${place}:${message.offset}`, source: topic, orderingKey: keyText(message.key) };
        end = await deliveries.handle(handed, parts).catch((error: unknown) => {
          if (OnceAgainError.isInstance(error, "ONCE_MARK_AHEAD")) return error;
          throw error;
        });
      });
      if (typeof end !== "string") {
        ahead.set(place, { error: end, isSure: known !== undefined });
        // At first another member may have moved the mark since the fetch, as in a rebalance.
        return known === undefined ? fetchAgain(delivery) : await holdUp(delivery, end);
      }
      ahead.delete(place);
      // One that is given back is another member's: nothing behind it is handled or committed here any more.
      if (end === "give-back") return;
      await source.commitOffsets([{ topic, partition, offset: String(BigInt(message.offset) + 1n) }]);
    } catch (error) {
      // Its effect is there. A commit that failed, as in a rebalance, is made up for by the next one, or by a repeat.
      deliveries.onError(error);
    } finally {
      void stop();
    }
  };
  const ended = deliveries.insist(async () => {
    await deliveries.ready();
    if (deliveries.stop.aborted) return;
    await source.run({ autoCommit: false, partitionsConsumedConcurrently: concurrency, eachMessage });
  });
  return endingConsumer(deliveries, "Kafka's consumer did not stop", async () => {
    await ended;
    await source.stop();
  });
}

/** The type of timestamps that the broker gives, where its topic has `message.timestamp.type=LogAppendTime`. */
const logAppendTime = 1;

/** How often a partition that is held up is reported, milliseconds. */
const reportMs = 10_000;

/** How often a message that is handled is reported as such, milliseconds: kafkajs sends no more than its own interval asks for. */
const heartbeatMs = 1000;

/** @throws OnceAgainError `ONCE_OPTION_INVALID` for an option that makes no sense. */
function checkOptions<Transaction>(
  options: KafkaConsumerOptions<Transaction>,
  source: KafkaConsumerClient,
  work: MessageWork<Transaction>,
) {
  checkConsumer("consumeKafka", options, work, {
    producer: true,
    deadLetterTopic: "function",
    concurrency: concurrencyRule,
    topicName: "function",
  });
  const { inbox, producer, concurrency = 16, id = idHeader, topicName = (topic: string) => topic } = options;
  const { deadLetterTopic = ({ topic }: { readonly topic: string }) => `${topic}.dead` } = options;
  if (!hasMethod(source, "commitOffsets")) throw wrongClientError("source", "a consumer of kafkajs", source);
  return { inbox, producer, concurrency, topicName, deadLetterTopic, id };
}

/** @throws OnceAgainError `ONCE_OPTION_INVALID`: partitions of topics without a name would share their marks. */
function checkedName(name: string): string {
  if (nameProblem(name) === undefined) return name;
  throw invalidOptionError("topicName", "a function that gives a topic's name", name);
}

function idHeader({ message }: KafkaDelivery): string | undefined {
  return headerText(message.headers?.["id"]);
}

/** A key as a text; undefined where there is no key, or one that is no text. */
function keyText(key: Buffer | null | undefined): string | undefined {
  const text = key?.toString();
  return text !== undefined && Buffer.from(text).equals(key!) ? text : undefined;
}

/** A header may come several times: the last one counts. */
function headerText(value: HeaderValue): string | undefined {
  return (Array.isArray(value) ? value.at(-1) : value)?.toString();
}

function inboxMessageOf<Transaction>(
  { hasMarks }: Pick<Inbox<Transaction>, "hasMarks">,
  { topic, partition, message }: KafkaDelivery,
  name: string,
  id: string | undefined,
  end: number | undefined,
): InboxMessage {
  const { id: _id, ...others } = message.headers ?? {};
  const texts = Object.entries(others).flatMap(([header, value]) => {
    const text = headerText(value);
    return text === undefined ? [] : [[header, text] as const];
  });
  const { offset, timestamp, batchContext } = message;
  const place = {
    partition: `${name}/${partition}`,
    sequence: Number(offset),
    end,
    // The times of producers do not grow with the offsets.
    storedAt: batchContext?.timestampType === logAppendTime ? Number(timestamp) : undefined,
  };
  return {
    // Without a mark, the place is the id.
    id: id ?? (hasMarks ? undefined : `${place.partition}:${place.sequence}`),
    topic,
    headers: Object.fromEntries(texts),
    body: new Uint8Array(message.value ?? []),
    position: hasMarks ? place : undefined,
  };
}
