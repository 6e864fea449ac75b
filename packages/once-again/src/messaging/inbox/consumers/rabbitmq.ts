import { hasMethod, wrongClientError } from "../../../core/client-names.ts";
import { sleep } from "../../../core/clock.ts";
import { checkNames, type OptionNames } from "../../../core/option-names.ts";
import { checkNumber, invalidOptionError } from "../../../core/options.ts";
import { systemClock } from "../../../core/system-clock.ts";
import { publishToRabbitmq, type RabbitmqChannel } from "../../outbox/publishers/rabbitmq.ts";
import type { MessageWork } from "../inbox.ts";
import type { InboxMessage } from "../inbox-message.ts";
import {
  checkInboxAndWork,
  type Consumer,
  type ConsumerOptions,
  deliveriesTo,
  deliveryId,
  textHeaders,
} from "./settle-delivery.ts";

/** What we use of a connection of `amqplib`. */
export interface RabbitmqConsumerConnection {
  createChannel(): Promise<RabbitmqConsumerChannel>;
  createConfirmChannel(): Promise<RabbitmqChannel>;
}

/** What we use of a message of `amqplib`. */
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

/** What we use of a channel of `amqplib`. */
export interface RabbitmqConsumerChannel {
  prefetch(count: number): Promise<unknown>;
  checkQueue(queue: string): Promise<unknown>;
  consume(queue: string, onMessage: (message: RabbitmqDelivery | null) => void): Promise<{ consumerTag: string }>;
  cancel(consumerTag: string): Promise<unknown>;
  ack(message: RabbitmqDelivery): void;
  nack(message: RabbitmqDelivery, allUpTo: boolean, requeue: boolean): void;
  on(event: "error" | "close", listener: (error?: unknown) => void): unknown;
  close(): Promise<unknown>;
}

/** What is consumed in RabbitMQ. */
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
 * after a broker's restart. A message is acknowledged when its effect has committed, or when the broker has confirmed it as a
 * dead letter, with the reason in the headers `dead-letter-reason` and `dead-letter-detail`.
 *
 * Since RabbitMQ 4.0 a quorum queue drops a message that came back 20 times, unless it has a dead-letter exchange. The inbox's
 * `deliveriesMax` (10) has to be below the queue's `x-delivery-limit`; AMQP does not tell it, so this is not checked.
 *
 * @throws OnceAgainError `ONCE_OPTION_INVALID`; what `amqplib` throws when one of the queues is not there.
 */
export async function consumeRabbitmq<Transaction>(
  connection: RabbitmqConsumerConnection,
  options: RabbitmqConsumerOptions<Transaction>,
  work: MessageWork<Transaction>,
): Promise<Consumer> {
  checkNames("consumeRabbitmq", options, {
    inbox: true,
    queue: true,
    deadLetterQueue: true,
    prefetch: true,
    id: true,
    onError: true,
  } satisfies OptionNames<RabbitmqConsumerOptions<Transaction>>);
  const { inbox, queue, prefetch = 16 } = options;
  if (!hasMethod(connection, "createConfirmChannel")) {
    throw wrongClientError("connection", "a connection of amqplib", connection);
  }
  checkInboxAndWork(inbox, work);
  if (typeof queue !== "string" || queue === "") throw invalidOptionError("queue", "a queue's name", queue);
  checkNumber("prefetch", prefetch, { min: 1, max: 1000, integer: true });
  const { deadLetterQueue = `${queue}.dead`, id = messageIdOf } = options;
  const letters = publishToRabbitmq(connection, { exchange: "", routingKey: () => deadLetterQueue });
  const deliveries = deliveriesTo(options, work, letters);

  /** Consumes on a new channel. `onClosed` hears of its end, unless it is `end()`ed. */
  const open = async (onClosed: () => void): Promise<{ end: () => Promise<void> }> => {
    const channel = await connection.createChannel();
    let isEnding = false;
    channel.on("error", (error) => deliveries.onError(error));
    for (const name of [queue, deadLetterQueue]) await channel.checkQueue(name);
    channel.on("close", () => {
      if (!isEnding) onClosed();
    });
    await channel.prefetch(prefetch);
    const { consumerTag } = await channel.consume(queue, (delivery) => {
      // The queue was deleted. A new channel finds out whether there is another.
      if (delivery === null) return void channel.close().catch(() => undefined);
      deliveries
        .handle(inboxMessageOf(delivery, deliveryId(id, delivery, deliveries.onError)))
        .then((end) => {
          if (end === "acknowledge") channel.ack(delivery);
          else channel.nack(delivery, false, true);
        })
        // Both throw on a channel that is gone. The broker delivers the message again.
        .catch(deliveries.onError);
    });
    const end = async (): Promise<void> => {
      isEnding = true;
      await channel.cancel(consumerTag);
      await deliveries.close();
      await channel.close();
    };
    return { end };
  };
  let opened: { end: () => Promise<void> } | undefined;
  const reopen = async (): Promise<void> => {
    opened = undefined;
    // A connection that breaks says so a moment after its channels do.
    await sleep(systemClock, reopenMs, deliveries.stop).catch(() => undefined);
    await deliveries.insist(async () => {
      opened = await inTime(open(() => void reopen()));
    });
  };
  opened = await open(() => void reopen());
  const close = async (): Promise<void> => {
    await opened?.end().catch(() => undefined);
    await deliveries.close();
  };
  return { close, [Symbol.asyncDispose]: close };
}

const reopenMs = 100;
const openMsMax = 30_000;

/** amqplib (2.3.1) may wait for a channel for ever, when its connection breaks just then. */
async function inTime<Value>(opening: Promise<Value>): Promise<Value> {
  const { promise: late, reject } = Promise.withResolvers<never>();
  const cancel = systemClock.timer(openMsMax, () => reject(new Error("RabbitMQ can't be reached.")));
  try {
    return await Promise.race([opening, late]);
  } finally {
    cancel();
  }
}

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

/** Where the broker does not count, whoever sends may write that header. */
const isCount = (count: unknown): count is number => Number.isSafeInteger(count) && Number(count) >= 0;
