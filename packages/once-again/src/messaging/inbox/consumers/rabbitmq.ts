import { logError } from "../../../core/error-log.ts";
import { hasMethod, wrongClientError } from "../../../core/duck-typing.ts";
import { outliveBrokenConnection } from "../../../core/outlive-broken-connection.ts";
import { sleep } from "../../../core/clock.ts";
import { notify } from "../../../core/listener.ts";
import { invalidOptionError } from "../../../core/options.ts";
import { systemClock } from "../../../core/system-clock.ts";
import { publishToRabbitmq, type RabbitmqChannel } from "../../outbox/publishers/rabbitmq.ts";
import type { MessageWork } from "../inbox.ts";
import type { InboxMessage } from "../inbox-message.ts";
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
  textHeaders,
  withinTime,
} from "./settle-delivery.ts";

/** The parts that we use of a connection of `amqplib`. */
export interface RabbitmqConsumerConnection {
  createChannel(): Promise<RabbitmqConsumerChannel>;
  createConfirmChannel(): Promise<RabbitmqChannel>;
}

/** The parts that we use of a message of `amqplib`. */
export interface RabbitmqDelivery {
  readonly content: Buffer;
  readonly fields: { readonly routingKey: string; readonly redelivered: boolean };
  readonly properties: {
    readonly messageId?: unknown;
    readonly type?: unknown;
    readonly contentType?: unknown;
    readonly headers?: Readonly<Record<string, unknown>> | undefined;
  };
}

/** The parts that we use of a channel of `amqplib`. */
export interface RabbitmqConsumerChannel {
  prefetch(count: number): Promise<unknown>;
  checkQueue(queue: string): Promise<unknown>;
  consume(queue: string, onMessage: (message: RabbitmqDelivery | null) => void): Promise<{ consumerTag: string }>;
  ack(message: RabbitmqDelivery): void;
  on(event: "error" | "close", listener: (error?: unknown) => void): unknown;
  close(): Promise<unknown>;
}

/** The options of a consumer of RabbitMQ. */
export interface RabbitmqConsumerOptions<Transaction> extends ConsumerOptions<Transaction> {
  readonly queue: string;
  /** Where dead letters go: a queue that has to be there; default the queue's name and `.dead`. */
  readonly deadLetterQueue?: string | undefined;
  /**
   * How many messages are handled at a time: 1 to 1000, default 16. 1 keeps the queue's order in one process,
   * and in several where the queue has `x-single-active-consumer`.
   */
  readonly prefetch?: number | undefined;
  /** The producer's id of a message; default its `messageId`. */
  readonly id?: ((delivery: RabbitmqDelivery) => string | undefined) | undefined;
}

/**
 * Consumes a queue of RabbitMQ, through your own connection of `amqplib`; open it with its option `recovery`, and it goes on
 * after a broker's restart. It listens to the connection's `error` events, which end a process that has no listener. A
 * message is acknowledged when its effect has committed, or when the broker has confirmed it as a dead letter, with the
 * reason in the headers `dead-letter-reason` and `dead-letter-detail`.
 *
 * Since RabbitMQ 4.0 a quorum queue drops a message that came back 20 times, unless it has a dead-letter exchange; a clean
 * close counts there as a failure does. The inbox's `deliveriesMax` (10) has to be below the queue's `x-delivery-limit`; a
 * client of AMQP can't ask for that, so it is not checked.
 *
 * @throws OnceAgainError `ONCE_OPTION_INVALID`; what `amqplib` throws when one of the queues is not there.
 */
export async function consumeRabbitmq<Transaction>(
  connection: RabbitmqConsumerConnection,
  options: RabbitmqConsumerOptions<Transaction>,
  work: MessageWork<Transaction>,
): Promise<Consumer> {
  checkConsumer("consumeRabbitmq", options, work, { queue: true, deadLetterQueue: true, prefetch: concurrencyRule });
  const { queue, prefetch = 16 } = options;
  if (!hasMethod(connection, "createConfirmChannel")) {
    throw wrongClientError("connection", "a connection of amqplib", connection);
  }
  if (typeof queue !== "string" || queue === "") throw invalidOptionError("queue", "a queue's name", queue);
  const { deadLetterQueue = `${queue}.dead`, id = messageIdOf } = options;
  const { onError = logError } = options;
  outliveBrokenConnection(connection, (error) =>
    notify(onError, error, { room: "consumer", consumer: options.inbox.consumer }),
  );
  const letters = publishToRabbitmq(connection, { exchange: "", routingKey: () => deadLetterQueue });
  const deliveries = deliveriesTo(options, work, letters);

  const open = (onClosed: () => void, signal?: AbortSignal): Promise<Opened> =>
    openChannel({ connection, queue, deadLetterQueue, prefetch, id, deliveries }, onClosed, signal);
  let opening: Promise<Opened | undefined>;
  const reopen = async (): Promise<Opened | undefined> => {
    // A connection that breaks says so a moment after its channels do.
    await sleep(systemClock, reopenMs, deliveries.stop).catch(() => undefined);
    let opened: Opened | undefined;
    if (deliveries.stop.aborted) return undefined;
    await deliveries.insist(async () => {
      // amqplib (2.3.1) may wait for a channel for ever, when its connection breaks just then.
      const late = "RabbitMQ did not open a channel";
      opened = await withinTime(openMsMax, late, (signal) => open(onClosed, signal));
    });
    return opened;
  };
  const onClosed = (): void => void (opening = reopen());
  opening = Promise.resolve(await open(onClosed));
  return endingConsumer(deliveries, "RabbitMQ did not close the channel", async () => (await opening)?.end());
}

/** The state that the channels of one consumer share. */
interface ChannelParts {
  readonly queue: string;
  readonly deadLetterQueue: string;
  readonly prefetch: number;
  readonly id: (delivery: RabbitmqDelivery) => string | undefined;
  readonly connection: RabbitmqConsumerConnection;
  readonly deliveries: Deliveries;
}

/**
 * Consumes on a new channel. `onClosed` is called at its end, unless `end()` ended it.
 *
 * @param signal aborts when it has taken too long: another one is opened in its place.
 */
async function openChannel(
  { connection, queue, deadLetterQueue, prefetch, id, deliveries }: ChannelParts,
  onClosed: () => void,
  signal?: AbortSignal,
): Promise<Opened> {
  const channel = await connection.createChannel();
  const handlings = handlingsOf(deliveries, prefetch);
  let [isEnding, isClosed] = [false, false];
  channel.on("error", (error) => deliveries.onError(error));
  // One that is there too late would consume beside the next one, and nothing would end it.
  const leave = (): void => void channel.close().catch(() => undefined);
  if (signal?.aborted) leave();
  else signal?.addEventListener("abort", leave, { once: true });
  for (const name of [queue, deadLetterQueue]) {
    signal?.throwIfAborted();
    await channel.checkQueue(name);
  }
  signal?.throwIfAborted();
  channel.on("close", () => {
    isClosed = true;
    if (!isEnding) onClosed();
  });
  const settle = async (delivery: RabbitmqDelivery): Promise<void> => {
    const message = inboxMessageOf(delivery, deliveryId(id, delivery, deliveries.onError));
    // A message that is given back stays unacknowledged until the channel closes. Returned before, it would be delivered here again;
    // and a single active consumer that cancels itself lets the next one pass what it has. An acknowledgement throws on a channel that is gone.
    if ((await deliveries.handle(message, { source: queue })) === "acknowledge") channel.ack(delivery);
  };
  const take = async (): Promise<void> => {
    await deliveries.ready();
    if (isClosed || deliveries.stop.aborted) return;
    await channel.prefetch(prefetch);
    await channel.consume(queue, (delivery) => {
      // The queue was deleted. A new channel finds out whether there is another.
      if (delivery === null) return void channel.close().catch(() => undefined);
      handlings.add(settle(delivery));
    });
  };
  const taking = take().catch((error: unknown) => {
    // A connection that was closed with its consumer has broken nothing.
    if (isEnding || deliveries.stop.aborted) return;
    deliveries.onError(error);
    if (!isClosed) channel.close().catch(() => undefined);
  });
  const end = async (): Promise<void> => {
    isEnding = true;
    await handlings.ended();
    // It replies to the deliveries that it still has.
    await taking;
    if (!isClosed) await channel.close();
  };
  return { end };
}

/** A channel that consumes. */
interface Opened {
  /** Waits for what runs, and closes the channel: the broker has the rest again, in its order. */
  end(): Promise<void>;
}

const reopenMs = 100;
const openMsMax = 30_000;

function messageIdOf({ properties: { messageId } }: RabbitmqDelivery): string | undefined {
  return typeof messageId === "string" ? messageId : undefined;
}

function inboxMessageOf(delivery: RabbitmqDelivery, id: string | undefined): InboxMessage {
  const { content, fields, properties } = delivery;
  const { type, contentType, headers = {} } = properties;
  // Quorum queues count. Of others one knows that it is not the first time.
  const count = headers["x-delivery-count"];
  return {
    id,
    topic: typeof type === "string" ? type : fields.routingKey,
    headers: textHeaders({ "content-type": contentType, ...headers }),
    body: new Uint8Array(content.buffer, content.byteOffset, content.byteLength),
    deliveries: 1 + (isCount(count) ? count : Number(fields.redelivered)),
  };
}

/** Where the broker does not count, any sender may write that header. */
const isCount = (count: unknown): count is number => Number.isSafeInteger(count) && Number(count) >= 0;
