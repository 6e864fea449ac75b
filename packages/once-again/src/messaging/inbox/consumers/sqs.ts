import { hash } from "node:crypto";
import { sleep } from "../../../core/clock.ts";
import { hasMethod, wrongClientError } from "../../../core/duck-typing.ts";
import { keyQueue } from "../../../core/key-queue.ts";
import { invalidOptionError } from "../../../core/options.ts";
import { systemClock } from "../../../core/system-clock.ts";
import { fittingName, producersId } from "../../../key/producers-id.ts";
import { publishToSqs, type SqsPublisher } from "../../outbox/publishers/aws.ts";
import { attributeNames, awsBody } from "../../outbox/publishers/aws-messages.ts";
import type { InboxMessage } from "../inbox-message.ts";
import type { MessageWork } from "../inbox.ts";
import {
  brokerMsMax,
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
  textHeaders,
  withinTime,
  writtenHeaders,
} from "./settle-delivery.ts";

/** The parts that we use of a message of SQS. */
export interface SqsDelivery {
  readonly MessageId?: string | undefined;
  readonly ReceiptHandle?: string | undefined;
  readonly Body?: string | undefined;
  readonly Attributes?: Readonly<Partial<Record<string, string>>> | undefined;
  readonly MessageAttributes?: Readonly<Record<string, { readonly StringValue?: string | undefined }>> | undefined;
}

/** The parts that we use of an `SQS` of `@aws-sdk/client-sqs`. */
export interface SqsConsumerClient extends SqsPublisher {
  getQueueAttributes(
    input: { QueueUrl: string; AttributeNames: ("VisibilityTimeout" | "RedrivePolicy")[] },
    options: { abortSignal: AbortSignal },
  ): Promise<{ readonly Attributes?: Readonly<Partial<Record<string, string>>> | undefined }>;
  receiveMessage(
    input: {
      QueueUrl: string;
      MaxNumberOfMessages: number;
      WaitTimeSeconds: number;
      VisibilityTimeout: number;
      AttributeNames: "All"[];
      MessageSystemAttributeNames: "All"[];
      MessageAttributeNames: string[];
    },
    options: { abortSignal: AbortSignal },
  ): Promise<{ readonly Messages?: readonly SqsDelivery[] | undefined }>;
  changeMessageVisibility(
    input: { QueueUrl: string; ReceiptHandle: string; VisibilityTimeout: number },
    options: { abortSignal: AbortSignal },
  ): Promise<unknown>;
  deleteMessage(
    input: { QueueUrl: string; ReceiptHandle: string },
    options: { abortSignal: AbortSignal },
  ): Promise<unknown>;
}

/** The options of a consumer of SQS. */
export interface SqsConsumerOptions<Transaction> extends ConsumerOptions<Transaction> {
  readonly queueUrl: string;
  /** Where dead letters go: a queue that has to be there, FIFO where the other one is; default the queue's URL and `-dead`. */
  readonly deadLetterQueueUrl?: string | undefined;
  /**
   * How many messages are handled at a time: 1 to 1000, default 16. Those of one group of a FIFO queue are handled one after the
   * other.
   */
  readonly concurrency?: number | undefined;
  /**
   * How long a message stays hidden from others without a sign of life of this process, whole seconds, 1 to 43,200; default the
   * queue's own. It is extended after each third of it, for as long as the message is handled, 12 hours at most.
   */
  readonly visibilitySeconds?: number | undefined;
  /** How long one question for messages waits for them, whole seconds, 0 to 20; default 20. */
  readonly waitSeconds?: number | undefined;
  /**
   * The producer's id of a message; default its attribute `id`, else its group and deduplication id, unless that is a hash of
   * the content.
   * A message without one is a dead letter. `({ MessageId }) => MessageId` finds repeats of SQS alone, and none of a producer.
   */
  readonly id?: ((delivery: SqsDelivery) => string | undefined) | undefined;
}

/**
 * Consumes a queue of SQS, through your own `SQS` of `@aws-sdk/client-sqs`. A message is deleted when its effect has committed, or
 * when its dead letter is in the other queue, with the reason among its headers. A delete that comes too late may do something
 * or nothing: the inbox's record decides, and not the delete. In a FIFO queue the messages of a group keep their order.
 *
 * @throws OnceAgainError `ONCE_OPTION_INVALID`; what SQS says when one of the queues is not there; an Error when it says nothing for 10 s.
 * @example
 * ```ts
 * const consumer = await consumeSqs(new SQS(), { inbox, queueUrl: process.env.QUEUE_URL! }, async (message) => {
 *   await charge(readJson(message), message.id);
 * });
 * ```
 */
export async function consumeSqs<Transaction>(
  client: SqsConsumerClient,
  options: SqsConsumerOptions<Transaction>,
  work: MessageWork<Transaction>,
): Promise<Consumer> {
  const checked = checkOptions(client, options, work);
  const { queueUrl, deadLetterQueueUrl, concurrency, waitSeconds, id } = checked;
  const deliveries = deliveriesTo(options, work, publishToSqs(client, { queueUrl: deadLetterQueueUrl }));
  const { visibilitySeconds: ofQueue, problem } = await lookAtQueue(client, checked, options.inbox.deliveriesMax);
  if (problem !== undefined) deliveries.onError(problem);
  const visibilitySeconds = checked.visibilitySeconds ?? ofQueue;
  const hide = (ReceiptHandle: string, VisibilityTimeout: number): Promise<unknown> =>
    inTime("SQS did not confirm a message's visibility", (options) =>
      client.changeMessageVisibility({ QueueUrl: queueUrl, ReceiptHandle, VisibilityTimeout }, options),
    );
  const remove = (ReceiptHandle: string): Promise<unknown> =>
    inTime("SQS did not confirm a message's delete", (options) =>
      client.deleteMessage({ QueueUrl: queueUrl, ReceiptHandle }, options),
    );

  const settle = async (delivery: SqsDelivery, stop: () => Promise<void>): Promise<void> => {
    const { ReceiptHandle = "", MessageId } = delivery;
    const message = inboxMessageOf(delivery, queueUrl, deliveryId(id, delivery, deliveries.onError));
    // In a FIFO queue a second letter of one message within 5 minutes is a repeat only where it is of the same delivery.
    const end = await deliveries.handle(message, {
      id: deadLetterQueueUrl.endsWith(".fifo") ? MessageId : undefined,
      source: queueUrl,
      orderingKey: delivery.MessageAttributes?.["orderingKey"]?.StringValue ?? delivery.Attributes?.["MessageGroupId"],
    });
    // Shown before, it would be delivered here again.
    if (end === "give-back") await ended;
    await stop();
    await (end === "acknowledge" ? remove(ReceiptHandle) : hide(ReceiptHandle, 0));
  };
  const inTurn = keyQueue();
  const handlings = handlingsOf(deliveries, concurrency);
  const take = (delivery: SqsDelivery): void => {
    const stop = repeatSign(
      (visibilitySeconds * 1000) / 3,
      () => hide(delivery.ReceiptHandle ?? "", visibilitySeconds),
      deliveries,
    );
    const group = groupOf(delivery, queueUrl);
    const settled = group === undefined ? settle(delivery, stop) : inTurn(group, () => settle(delivery, stop));
    handlings.add(settled.finally(() => void stop()));
  };
  const consume = async (): Promise<void> => {
    await deliveries.ready();
    while (!deliveries.stop.aborted) {
      await handlings.waitForRoom();
      if (deliveries.stop.aborted) return;
      const Messages = await receive(client, { ...checked, visibilitySeconds }, handlings.room(), deliveries);
      Messages.forEach(take);
      if (Messages.length === 0 && waitSeconds === 0)
        await sleep(systemClock, pollMs, deliveries.stop).catch(() => undefined);
    }
  };
  const ended = deliveries.insist(consume);
  return endingConsumer(deliveries, "SQS did not take back what was not handled", async () => {
    await ended;
    await handlings.ended();
  });
}

/** How many messages SQS hands over at a time. */
const messagesMax = 10;

/** How often a queue is asked that does not wait, milliseconds. */
const pollMs = 200;

/** Calls SQS with a bound: the client has none where its user set none, and a connection may go silent without an end. */
function inTime<Value>(late: string, call: (options: { abortSignal: AbortSignal }) => Promise<Value>): Promise<Value> {
  return withinTime(brokerMsMax, late, (abortSignal) => call({ abortSignal }));
}

/**
 * Asks for messages, for as long as it may wait and 10 s. A question that is broken off when the consumer closes has no
 * answer.
 */
async function receive(
  client: SqsConsumerClient,
  { queueUrl, waitSeconds, visibilitySeconds }: { queueUrl: string; waitSeconds: number; visibilitySeconds: number },
  free: number,
  { stop }: Pick<Deliveries, "stop">,
): Promise<readonly SqsDelivery[]> {
  const input = {
    QueueUrl: queueUrl,
    MaxNumberOfMessages: Math.max(1, Math.min(messagesMax, free)),
    WaitTimeSeconds: waitSeconds,
    VisibilityTimeout: visibilitySeconds,
    AttributeNames: ["All" as const],
    MessageSystemAttributeNames: ["All" as const],
    MessageAttributeNames: ["All"],
  };
  const late = "SQS did not answer the question for messages";
  try {
    const { Messages = [] } = await withinTime(waitSeconds * 1000 + brokerMsMax, late, (signal) =>
      client.receiveMessage(input, { abortSignal: AbortSignal.any([stop, signal]) }),
    );
    return Messages;
  } catch (error) {
    if (stop.aborted) return [];
    throw error;
  }
}

/** @throws OnceAgainError `ONCE_OPTION_INVALID` for an option that makes no sense. */
function checkOptions<Transaction>(
  client: SqsConsumerClient,
  options: SqsConsumerOptions<Transaction>,
  work: MessageWork<Transaction>,
) {
  checkConsumer("consumeSqs", options, work, {
    queueUrl: true,
    deadLetterQueueUrl: true,
    concurrency: concurrencyRule,
    visibilitySeconds: { min: 1, max: 43_200, integer: true },
    waitSeconds: { min: 0, max: 20, integer: true },
  });
  const { queueUrl, concurrency = 16, visibilitySeconds, waitSeconds = 20, id = idOf } = options;
  if (!hasMethod(client, "receiveMessage")) {
    throw wrongClientError("client", "an SQS of @aws-sdk/client-sqs: new SQS(…), not new SQSClient(…)", client);
  }
  if (typeof queueUrl !== "string" || queueUrl === "") throw invalidOptionError("queueUrl", "a queue's URL", queueUrl);
  const { deadLetterQueueUrl = queueUrl.replace(/(?=\.fifo$)|(?<!\.fifo)$/, "-dead") } = options;
  return { queueUrl, deadLetterQueueUrl, concurrency, visibilitySeconds, waitSeconds, id };
}

/** The queue's own visibility, and the reason why it may give a message up before the inbox does. */
async function lookAtQueue(
  client: SqsConsumerClient,
  { queueUrl, deadLetterQueueUrl }: { readonly queueUrl: string; readonly deadLetterQueueUrl: string },
  deliveriesMax = 10,
): Promise<{ visibilitySeconds: number; problem: Error | undefined }> {
  const AttributeNames: ("VisibilityTimeout" | "RedrivePolicy")[] = ["VisibilityTimeout", "RedrivePolicy"];
  const ask = (QueueUrl: string) =>
    inTime("SQS did not say a queue's attributes", (options) =>
      client.getQueueAttributes({ QueueUrl, AttributeNames }, options),
    );
  await ask(deadLetterQueueUrl);
  const { Attributes = {} } = await ask(queueUrl);
  const { maxReceiveCount = Infinity } = JSON.parse(Attributes["RedrivePolicy"] ?? "{}") as {
    maxReceiveCount?: number | string;
  };
  // Each delivery that the inbox may take, the one alone, and one that a closing consumer gave back.
  const isEnough = Number(maxReceiveCount) >= deliveriesMax + 2;
  return {
    visibilitySeconds: Math.max(1, Number(Attributes["VisibilityTimeout"] ?? 30)),
    problem: isEnough
      ? undefined
      : new Error(
          `The queue's maxReceiveCount is ${maxReceiveCount}: SQS gives a message up before the inbox has tried it ` +
            `${deliveriesMax} times. Give the queue one of at least ${deliveriesMax + 2}.`,
        ),
  };
}

function idOf({ Attributes, MessageAttributes }: SqsDelivery): string | undefined {
  const { MessageDeduplicationId, MessageGroupId } = Attributes ?? {};
  const id = producersId(MessageAttributes?.["id"]?.StringValue, MessageDeduplicationId, MessageGroupId);
  return id && fittingName(id, (text) => hash("sha256", text, "hex"));
}

/** Messages of other queues may have a group, too, which shares the consumers fairly and keeps no order. */
function groupOf({ Attributes }: SqsDelivery, queueUrl: string): string | undefined {
  return queueUrl.endsWith(".fifo") ? (Attributes?.["MessageGroupId"] ?? "") : undefined;
}

const reserved: ReadonlySet<string> = new Set(attributeNames);

function inboxMessageOf(
  { Body = "", Attributes, MessageAttributes = {} }: SqsDelivery,
  queueUrl: string,
  id: string | undefined,
): InboxMessage {
  const texts = Object.fromEntries(
    Object.entries(MessageAttributes).map(([name, { StringValue }]) => [name, StringValue]),
  );
  const others = Object.entries(texts).filter(([name]) => !reserved.has(name));
  const deliveries = Number(Attributes?.["ApproximateReceiveCount"] ?? 1);
  return {
    id,
    topic: texts["topic"] ?? queueUrl.slice(queueUrl.lastIndexOf("/") + 1),
    headers: { ...textHeaders(Object.fromEntries(others)), ...writtenHeaders(texts["headers"]) },
    body: awsBody(Body, texts["encoding"]),
    deliveries: Number.isSafeInteger(deliveries) && deliveries > 0 ? deliveries : 1,
  };
}
