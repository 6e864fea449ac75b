import { hasMethod, wrongClientError } from "../../../core/duck-typing.ts";
import { checkNames, type OptionNames } from "../../../core/option-names.ts";
import { invalidOptionError } from "../../../core/options.ts";
import { outliveBrokenConnection } from "../../../core/outlive-broken-connection.ts";
import { untilAborted } from "../../../core/until-aborted.ts";
import type { OutboxMessage } from "../../../stores/outbox-store.ts";
import { messageText, type Publish, refusedError, unavailableError } from "../publish.ts";
import { messageHeaders } from "./message-headers.ts";

/** The parts that we use of a connection of `amqplib`. */
export interface RabbitmqConnection {
  createConfirmChannel(): Promise<RabbitmqChannel>;
}

/** The parts that we use of a confirm channel of `amqplib`. */
export interface RabbitmqChannel {
  publish(
    exchange: string,
    routingKey: string,
    content: Buffer,
    options: object,
    callback: (error: unknown) => void,
  ): boolean;
  on(event: "return", listener: (message: { properties: { messageId?: unknown } }) => void): unknown;
  on(event: "error", listener: (error: unknown) => void): unknown;
  on(event: "close", listener: () => void): unknown;
  close(): Promise<unknown>;
}

/** Where messages go in RabbitMQ. */
export interface RabbitmqPublisherOptions {
  /** The exchange, which has to be there; empty: the default one, where the routing key is a queue's name. */
  readonly exchange: string;
  /** Default the message's topic. */
  readonly routingKey?: ((message: OutboxMessage) => string) | undefined;
}

/** Codes with which RabbitMQ closes a channel over what was published on it: no such exchange, too large, not allowed. */
const refusals: ReadonlySet<unknown> = new Set([403, 404, 406]);

/**
 * Publishes to RabbitMQ, through your own connection of `amqplib`; open it with its option `recovery`, or a relay does not
 * outlive it. Each message is persistent and mandatory, and waits for the broker's confirmation: it is refused when no queue
 * is bound for it. It carries the message's id as `messageId`, its topic as `type`, and its ordering key in the header
 * `ordering-key`. Use quorum queues: a classic queue is on one node.
 *
 * @example
 * ```ts
 * const connection = await amqplib.connect(process.env.RABBITMQ_URL!, { recovery: true });
 * const relay = openRelay({ outbox, publish: publishToRabbitmq(connection, { exchange: "shop" }) });
 * ```
 * @throws OnceAgainError `ONCE_OPTION_INVALID`.
 */
export function publishToRabbitmq(connection: RabbitmqConnection, options: RabbitmqPublisherOptions): Publish {
  checkNames("publishToRabbitmq", options, {
    exchange: true,
    routingKey: true,
  } satisfies OptionNames<RabbitmqPublisherOptions>);
  const { exchange } = options;
  const routingKey = messageText("routingKey", options.routingKey, ({ topic }) => topic);
  if (!hasMethod(connection, "createConfirmChannel")) {
    throw wrongClientError("connection", "a connection of amqplib", connection);
  }
  if (typeof exchange !== "string") throw invalidOptionError("exchange", "an exchange's name", exchange);
  outliveBrokenConnection(connection);
  let opening: Promise<ConfirmChannel> | undefined;
  let channel: ConfirmChannel | undefined;
  const forget = (opened: Promise<ConfirmChannel>): void => {
    if (opening === opened) opening = channel = undefined;
  };
  const begin = (): Promise<ConfirmChannel> => {
    const begun = openChannel(connection, () => forget(begun));
    begun.then(
      (ready) => {
        // One that was given up takes the place of none, or is one too many.
        opening ??= begun;
        if (opening === begun) channel = ready;
        else ready.close();
      },
      () => forget(begun),
    );
    return begun;
  };
  const open = async (signal: AbortSignal): Promise<ConfirmChannel> => {
    const opened = (opening ??= begin());
    try {
      const ready = await untilAborted(opened, signal);
      return channel ?? ready;
    } catch (cause) {
      // On a connection that breaks just then, amqplib (2.3.1) waits for the channel for ever.
      forget(opened);
      throw unavailableError("No channel to RabbitMQ could be opened.", cause);
    }
  };
  const publish: Publish = async (message, context) => {
    const opened = channel ?? (await open(context.signal));
    await opened.publish(exchange, routingKey(message), message);
  };
  return Object.assign(publish, { place: (message: OutboxMessage) => `${exchange}/${routingKey(message)}` });
}

interface ConfirmChannel {
  publish(exchange: string, routingKey: string, message: OutboxMessage): Promise<void>;
  close(): void;
}

/** A channel that reports which messages no queue took. */
async function openChannel(connection: RabbitmqConnection, onClosed: () => void): Promise<ConfirmChannel> {
  const channel = await connection.createConfirmChannel();
  const returned = new Set<unknown>();
  let waiting = 0;
  let refusal: unknown;
  channel.on("return", ({ properties }) => returned.add(properties.messageId));
  // It comes before the callbacks of all that the channel has not confirmed, and of several it is unknown which one the
  // broker would not take.
  channel.on("error", (error) => {
    if (waiting === 1 && refusals.has((error as { code?: unknown }).code)) refusal = error;
  });
  channel.on("close", onClosed);
  return {
    close: () => void channel.close().catch(() => undefined),
    publish: (exchange, routingKey, message) =>
      new Promise((resolve, reject) => {
        const confirmed = (error: unknown): void => {
          waiting -= 1;
          // A returned message comes before its confirmation.
          const isReturned = returned.delete(message.id);
          if (refusal !== undefined) reject(refusedError((refusal as Error).message, refusal));
          else if (isNack(error)) reject(nackError(error));
          else if (error) reject(unavailableError("RabbitMQ did not confirm the message.", error));
          else if (isReturned) reject(refusedError(`No queue of RabbitMQ is bound for the routing key ${routingKey}.`));
          else resolve();
        };
        waiting += 1;
        try {
          channel.publish(exchange, routingKey, Buffer.from(message.body), propertiesOf(message), confirmed);
        } catch (error) {
          waiting -= 1;
          onClosed();
          reject(unavailableError("The channel to RabbitMQ is closed.", error));
        }
      }),
  };
}

/** True for a negative acknowledgement. A channel that closes brings other errors. */
const isNack = (error: unknown): boolean => error instanceof Error && error.message === "message nacked";

/**
 * A queue did not take the message, as one at its `x-max-length` with `reject-publish`. Other queues take theirs
 * (https://www.rabbitmq.com/docs/confirms#server-sent-nacks).
 */
function nackError(cause: unknown): Error {
  return refusedError("A queue of RabbitMQ does not take the message at present: it is full, or broken.", cause, {
    isTemporary: true,
  });
}

function propertiesOf({ id, topic, orderingKey, headers, addedAt }: OutboxMessage): object {
  const { "content-type": contentType, ...others } = messageHeaders(headers, { "ordering-key": orderingKey });
  return {
    messageId: id,
    type: topic,
    contentType,
    // Seconds, as AMQP has them.
    timestamp: Math.floor(addedAt / 1000),
    headers: others,
    persistent: true,
    mandatory: true,
  };
}
