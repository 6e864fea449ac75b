import { sleep } from "../../../core/clock.ts";
import { hasMethod, wrongClientError } from "../../../core/duck-typing.ts";
import { checkNames, type OptionNames } from "../../../core/option-names.ts";
import { invalidOptionError } from "../../../core/options.ts";
import { putLast } from "../../../core/put-last.ts";
import { systemClock } from "../../../core/system-clock.ts";
import { sha256 } from "../../../key/sha256.ts";
import type { OutboxMessage } from "../../../stores/outbox-store.ts";
import { messageText, type Publish, refusedError, unavailableError } from "../publish.ts";
import { messageHeaders } from "./message-headers.ts";
import { type AwsMessage, awsMessage, type TextAttribute } from "./aws-messages.ts";

/** How the entries of one call ended, as SQS and SNS say it. */
interface BatchResult {
  readonly Successful?: readonly { readonly Id?: string | undefined }[] | undefined;
  readonly Failed?: readonly FailedEntry[] | undefined;
}

/** How one entry ended. */
type EntryEnd = "sent" | FailedEntry;

/** How the entries ended, by their places. One that is missing has no answer. */
type EntryEnds = ReadonlyMap<number, EntryEnd>;

/** The options that a call of a client takes beside its input. It has no time-out where its user set none. */
interface CallOptions {
  readonly abortSignal: AbortSignal;
}

interface FailedEntry {
  readonly Id?: string | undefined;
  readonly Code?: string | undefined;
  readonly Message?: string | undefined;
  readonly SenderFault?: boolean | undefined;
}

/** The parts that SQS and SNS have in common of an entry. */
interface EntryParts {
  Id: string;
  MessageAttributes: Record<string, TextAttribute>;
  MessageGroupId?: string;
  MessageDeduplicationId?: string;
}

/** The parts that we use of an `SQS` of `@aws-sdk/client-sqs`. */
export interface SqsPublisher {
  sendMessageBatch(
    input: { QueueUrl: string; Entries: (EntryParts & { MessageBody: string })[] },
    options: CallOptions,
  ): Promise<BatchResult>;
}

/** The parts that we use of an `SNS` of `@aws-sdk/client-sns`. */
export interface SnsPublisher {
  publishBatch(
    input: { TopicArn: string; PublishBatchRequestEntries: (EntryParts & { Message: string })[] },
    options: CallOptions,
  ): Promise<BatchResult>;
}

/** An entry of EventBridge. */
interface EventEntry {
  EventBusName?: string;
  Source: string;
  DetailType: string;
  Detail: string;
  Time: Date;
}

/** The parts that we use of an `EventBridge` of `@aws-sdk/client-eventbridge`. */
export interface EventBridgePublisher {
  putEvents(
    input: { Entries: EventEntry[] },
    options: CallOptions,
  ): Promise<{
    readonly Entries?:
      | readonly { readonly ErrorCode?: string | undefined; readonly ErrorMessage?: string | undefined }[]
      | undefined;
  }>;
}

/** Where messages go in SQS. */
export interface SqsPublisherOptions {
  /** The queue's URL, or a function that gives that of a message. One that ends in `.fifo` keeps the order of each ordering key. */
  readonly queueUrl: string | ((message: OutboxMessage) => string);
}

/** Where messages go in SNS. */
export interface SnsPublisherOptions {
  /** The topic's ARN, or a function that gives that of a message. One that ends in `.fifo` keeps the order of each ordering key. */
  readonly topicArn: string | ((message: OutboxMessage) => string);
}

/** Where messages go in EventBridge. */
export interface EventBridgePublisherOptions {
  /** The `Source` of the events: the name of your application. */
  readonly source: string;
  /** The event bus; default the account's `default`. */
  readonly eventBusName?: string | undefined;
  /**
   * Makes the `Detail` of a message: JSON, an object. Default `{ metadata: { id, topic, orderingKey, headers }, data }`, where
   * `data` is the message's body, which has to be JSON.
   */
  readonly detail?: ((message: OutboxMessage) => string) | undefined;
}

/**
 * Publishes to queues of SQS, through your own `SQS` of `@aws-sdk/client-sqs`, up to ten messages a call. A message carries its
 * id in the attribute `id`, its topic, ordering key and headers beside it; a body that is no text is in Base64. In a FIFO
 * queue the ordering key is the group, and the id is the deduplication id: SQS drops a repeat for 5 minutes, so a consumer
 * needs an inbox all the same.
 *
 * @example
 * ```ts
 * const relay = openRelay({ outbox, publish: publishToSqs(new SQS(), { queueUrl: process.env.QUEUE_URL! }) });
 * ```
 * @throws OnceAgainError `ONCE_OPTION_INVALID`.
 */
export function publishToSqs(client: SqsPublisher, options: SqsPublisherOptions): Publish {
  checkNames("publishToSqs", options, { queueUrl: true } satisfies OptionNames<SqsPublisherOptions>);
  const placeOf = checkPlace("queueUrl", "a queue's URL", options.queueUrl);
  if (!hasMethod(client, "sendMessageBatch")) {
    throw wrongClientError("client", "an SQS of @aws-sdk/client-sqs: new SQS(…), not new SQSClient(…)", client);
  }
  return publishByPlace(placeOf, async (place, entries, options) => {
    const Entries = entries.map((entry, index) => ({ ...entryParts(entry, index), MessageBody: entry.sent.text }));
    return endsOf(await client.sendMessageBatch({ QueueUrl: place, Entries }, options));
  });
}

/**
 * Publishes to topics of SNS, through your own `SNS` of `@aws-sdk/client-sns`, as `publishToSqs` does. Give subscriptions of
 * queues `RawMessageDelivery`: then a message comes there as it was published, its attributes included.
 *
 * @example
 * ```ts
 * const relay = openRelay({ outbox, publish: publishToSns(new SNS(), { topicArn: process.env.TOPIC_ARN! }) });
 * ```
 * @throws OnceAgainError `ONCE_OPTION_INVALID`.
 */
export function publishToSns(client: SnsPublisher, options: SnsPublisherOptions): Publish {
  checkNames("publishToSns", options, { topicArn: true } satisfies OptionNames<SnsPublisherOptions>);
  const placeOf = checkPlace("topicArn", "a topic's ARN", options.topicArn);
  if (!hasMethod(client, "publishBatch")) {
    throw wrongClientError("client", "an SNS of @aws-sdk/client-sns: new SNS(…), not new SNSClient(…)", client);
  }
  return publishByPlace(placeOf, async (place, entries, options) => {
    const sent = entries.map((entry, index) => ({ ...entryParts(entry, index), Message: entry.sent.text }));
    return endsOf(await client.publishBatch({ TopicArn: place, PublishBatchRequestEntries: sent }, options));
  });
}

/**
 * Publishes to an event bus of EventBridge, through your own `EventBridge` of `@aws-sdk/client-eventbridge`, up to ten
 * messages a call. The topic is the `DetailType`. EventBridge keeps no order and drops no repeat, and gives each of them
 * another id: consumers know a repeat by `detail.metadata.id`.
 *
 * @example
 * ```ts
 * const relay = openRelay({ outbox, publish: publishToEventBridge(new EventBridge(), { source: "shop" }) });
 * ```
 * @throws OnceAgainError `ONCE_OPTION_INVALID`.
 */
export function publishToEventBridge(client: EventBridgePublisher, options: EventBridgePublisherOptions): Publish {
  checkNames("publishToEventBridge", options, {
    source: true,
    eventBusName: true,
    detail: true,
  } satisfies OptionNames<EventBridgePublisherOptions>);
  const { source, eventBusName } = options;
  const detail = messageText("detail", options.detail, wrappedDetail);
  if (typeof source !== "string" || source === "")
    throw invalidOptionError("source", "your application's name", source);
  if (!hasMethod(client, "putEvents")) {
    const expected = "an EventBridge of @aws-sdk/client-eventbridge: new EventBridge(…), not new EventBridgeClient(…)";
    throw wrongClientError("client", expected, client);
  }
  const send = batchSender(async (entries: readonly EventEntry[], callOptions): Promise<EntryEnds> => {
    const { Entries = [] } = await client.putEvents({ Entries: [...entries] }, callOptions);
    return new Map<number, EntryEnd>(
      Entries.map(({ ErrorCode, ErrorMessage }, index) => [
        index,
        ErrorCode === undefined
          ? "sent"
          : { Code: ErrorCode, Message: ErrorMessage, SenderFault: !atFault.has(ErrorCode) },
      ]),
    );
  });
  const publish: Publish = async (message, { signal }) => {
    const { topic, addedAt } = message;
    const entry: EventEntry = { Source: source, DetailType: topic, Detail: detail(message), Time: new Date(addedAt) };
    const item = eventBusName === undefined ? entry : { ...entry, EventBusName: eventBusName };
    await send({ item, bytes: Buffer.byteLength(entry.Detail), signal });
  };
  return Object.assign(publish, { place: () => eventBusName ?? "default" });
}

/** The codes with which an entry of EventBridge failed by no fault of its sender. */
const atFault: ReadonlySet<string> = new Set(["ThrottlingException", "InternalFailure", "InternalException"]);

/** @throws OnceAgainError `ONCE_MESSAGE_REFUSED` for a body that is no JSON. */
function wrappedDetail({ id, topic, orderingKey, headers, body }: OutboxMessage): string {
  let data: unknown;
  try {
    data = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(body));
  } catch (cause) {
    throw refusedError("EventBridge takes JSON, which the message's body is not. Give the option detail.", cause, {
      isFinal: true,
    });
  }
  return JSON.stringify({ metadata: { id, topic, orderingKey, headers: messageHeaders(headers) }, data });
}

function checkPlace(
  name: string,
  expected: string,
  place: string | ((message: OutboxMessage) => string),
): (message: OutboxMessage) => string {
  if (typeof place === "function") return messageText(name, place, place);
  if (typeof place === "string" && place !== "") return () => place;
  throw invalidOptionError(name, `${expected}, or a function that gives one`, place);
}

/** A message that waits to be sent. */
interface Entry {
  readonly sent: AwsMessage;
  /** In a FIFO queue or topic. */
  readonly order: Pick<EntryParts, "MessageGroupId" | "MessageDeduplicationId">;
}

function publishByPlace(
  placeOf: (message: OutboxMessage) => string,
  send: (place: string, entries: readonly Entry[], options: CallOptions) => Promise<EntryEnds>,
): Publish {
  const sender = placeSenders(send);
  const publish: Publish = async (message, { signal }) => {
    const sent = awsMessage(message);
    const attributes = Buffer.byteLength(JSON.stringify(sent.attributes));
    const place = placeOf(message);
    const order = place.endsWith(".fifo") ? await orderOf(message) : {};
    await sender(place)({ item: { sent, order }, bytes: Buffer.byteLength(sent.text) + attributes, signal });
  };
  return Object.assign(publish, { place: placeOf });
}

/** How many places have a sender at a time: the one that was used least recently is forgotten, with nothing in it. */
const placesMax = 1000;

function placeSenders(
  send: (place: string, entries: readonly Entry[], options: CallOptions) => Promise<EntryEnds>,
): (place: string) => Sender<Entry> {
  const senders = new Map<string, Sender<Entry>>();
  return (place) => {
    const sender =
      senders.get(place) ?? batchSender((entries: readonly Entry[], options) => send(place, entries, options));
    putLast(senders, place, sender, placesMax);
    return sender;
  };
}

function entryParts({ sent, order }: Entry, index: number): EntryParts {
  return { Id: String(index), MessageAttributes: sent.attributes, ...order };
}

async function orderOf({ id, orderingKey }: OutboxMessage): Promise<Entry["order"]> {
  return { MessageGroupId: await awsName(orderingKey ?? id), MessageDeduplicationId: await awsName(id) };
}

/** A group's name, or a deduplication id: up to 128 letters, digits and punctuation. Any other text is hashed. */
async function awsName(text: string): Promise<string> {
  return /^[!-~]{1,128}$/.test(text) ? text : sha256(text);
}

const endsOf = ({ Successful = [], Failed = [] }: BatchResult): EntryEnds =>
  new Map<number, EntryEnd>([
    ...Successful.map(({ Id }) => [Number(Id), "sent"] as const),
    ...Failed.map((failed) => [Number(failed.Id), failed] as const),
  ]);

/** The most entries and bytes of one call. SQS and EventBridge take more by now; emulators and SNS do not. */
const [entriesMax, bytesMax] = [10, 262_144];

/** An entry to be sent. */
interface Sending<Item> {
  readonly item: Item;
  readonly bytes: number;
  /** Aborts when its end is no longer awaited. */
  readonly signal: AbortSignal;
}

/** An entry on its way. */
interface Waiting<Item> extends Sending<Item> {
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

type Sender<Item> = (sending: Sending<Item>) => Promise<void>;

/**
 * Calls with a signal that aborts when all of the given ones have: a call that nothing waits for any more would hold its
 * connection for as long as the service is silent.
 */
async function whileAwaited<Value>(
  signals: readonly AbortSignal[],
  call: (options: CallOptions) => Promise<Value>,
): Promise<Value> {
  const controller = new AbortController();
  const abort = (): void => {
    if (signals.every(({ aborted }) => aborted)) controller.abort(signals[0]?.reason);
  };
  for (const signal of signals) signal.addEventListener("abort", abort);
  abort();
  try {
    return await call({ abortSignal: controller.signal });
  } finally {
    for (const signal of signals) signal.removeEventListener("abort", abort);
  }
}

/** Sends entries that come together in as few calls as there may be. An entry that fails is refused, and no other. */
function batchSender<Item>(send: (items: readonly Item[], options: CallOptions) => Promise<EntryEnds>): Sender<Item> {
  let waiting: Waiting<Item>[] = [];
  const sendAll = async (batch: readonly Waiting<Item>[]): Promise<void> => {
    try {
      const signals = batch.map(({ signal }) => signal);
      const items = batch.map(({ item }) => item);
      const ends = await whileAwaited(signals, (options) => send(items, options));
      for (const [index, { resolve, reject }] of batch.entries()) {
        const end = ends.get(index);
        if (end === "sent") resolve();
        else reject(end === undefined ? unavailableError("AWS did not confirm the message.") : entryError(end));
      }
    } catch (error) {
      const refusal = callError(error);
      // One of them is the reason, and the others go on.
      if (refusal.code === "ONCE_MESSAGE_REFUSED" && batch.length > 1) {
        await Promise.all(batch.map((one) => sendAll([one])));
      } else for (const { reject } of batch) reject(refusal);
    }
  };
  const flush = async (): Promise<void> => {
    // Those that come within the same turn go out together.
    await sleep(systemClock, 0);
    const all = waiting;
    waiting = [];
    await Promise.all(batchesOf(all).map(sendAll));
  };
  return (sending) =>
    new Promise((resolve, reject) => {
      waiting.push({ ...sending, resolve, reject });
      if (waiting.length === 1) void flush();
    });
}

function batchesOf<Item>(all: readonly Waiting<Item>[]): readonly (readonly Waiting<Item>[])[] {
  const batches: Waiting<Item>[][] = [];
  let bytes = 0;
  for (const one of all) {
    const last = batches.at(-1);
    if (last === undefined || last.length === entriesMax || bytes + one.bytes > bytesMax) {
      batches.push([one]);
      bytes = one.bytes;
    } else {
      last.push(one);
      bytes += one.bytes;
    }
  }
  return batches;
}

function entryError({ Code = "no code", Message = "", SenderFault = true }: FailedEntry): Error {
  return refusedError(`AWS won't take the message: ${Code} ${Message}`.trimEnd(), undefined, {
    isTemporary: !SenderFault || notTheMessage.test(Code),
  });
}

/** Errors that are about our credentials, the queue's own key, or the load: no message is the reason for them. */
const notTheMessage =
  /throttl|toomanyrequests|limit|accessdenied|authoriz|authfailure|expired|signature|token|client|credential|kms|timeout/i;

/** The statuses that say the same. */
const notTheMessageStatuses: ReadonlySet<unknown> = new Set([401, 403, 408, 429]);

/** The parts that we read of an error of the SDK. */
interface ServiceError {
  readonly name?: unknown;
  readonly message?: unknown;
  readonly $fault?: unknown;
  readonly $metadata?: { readonly httpStatusCode?: unknown } | undefined;
}

/** The error of a whole call: of one that the service has turned away, the messages are the reason. */
function callError(error: unknown): ReturnType<typeof refusedError> {
  const { name = "", message, $fault, $metadata } = (error ?? {}) as ServiceError;
  const isOurs = notTheMessage.test(String(name)) || notTheMessageStatuses.has($metadata?.httpStatusCode);
  if ($fault === "client" && !isOurs) {
    return refusedError(`AWS won't take the message: ${String(name)} ${String(message)}`, error);
  }
  return unavailableError("AWS did not confirm the message.", error);
}
