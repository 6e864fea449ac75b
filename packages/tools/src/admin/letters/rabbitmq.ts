import type { RabbitmqConnection } from "once-again/internal";
import { loadDriver } from "once-again/internal/command";
import { publishToRabbitmq } from "once-again/outbox";
import {
  type HeldLetter,
  inTime,
  type Letter,
  type LetterPlace,
  messageOf,
  readLetter,
  textHeaders,
} from "./letter.ts";

/** The part of `amqplib` that we use. */
interface Amqplib {
  connect(url: string, options: object): Promise<Connection>;
}

interface Connection extends RabbitmqConnection {
  createChannel(): Promise<Channel>;
  on(event: "error", listener: () => void): unknown;
  close(): Promise<void>;
}

interface Channel {
  on(event: "error", listener: (error: unknown) => void): unknown;
  checkQueue(queue: string): Promise<{ messageCount: number }>;
  get(queue: string, options: { noAck: false }): Promise<Delivery | false>;
  ack(delivery: Delivery): void;
}

type ConfirmChannel = Awaited<ReturnType<RabbitmqConnection["createConfirmChannel"]>>;

interface Delivery {
  readonly content: Buffer;
  readonly fields: { readonly routingKey: string };
  readonly properties: {
    readonly messageId?: unknown;
    readonly type?: unknown;
    readonly contentType?: unknown;
    readonly timestamp?: unknown;
    readonly headers?: Readonly<Record<string, unknown>> | undefined;
  };
}

/**
 * A letter that was looked at so often is put into its queue anew. Before RabbitMQ 4.3 a quorum queue counts each look, and drops a
 * message that came back more than 20 times, by default.
 */
const looksMax = 12;

/** Opens a queue of dead letters. */
export async function openRabbitmqLetters(url: string, queue: string): Promise<LetterPlace> {
  const amqplib = loadDriver("RabbitMQ", ["amqplib"]).module as Amqplib;
  const connection = await inTime("connect to RabbitMQ", amqplib.connect(url, { timeout: 8000 }));
  // The call that fails reports it.
  connection.on("error", () => undefined);
  try {
    const channel = await inTime("open a channel", connection.createChannel());
    channel.on("error", () => undefined);
    await inTime("find the queue", channel.checkQueue(queue));
    return placeOf(connection, channel, queue);
  } catch (error) {
    void connection.close().catch(() => undefined);
    throw error;
  }
}

function placeOf(connection: Connection, channel: Channel, queue: string): LetterPlace {
  let renewals: ConfirmChannel | undefined;
  const count = async (): Promise<number> =>
    (await inTime("count the letters", channel.checkQueue(queue))).messageCount;
  const hold = (delivery: Delivery): HeldLetter & { isRemoved: boolean } => {
    const letter = letterOf(delivery);
    return {
      letter,
      isRemoved: false,
      async send(to) {
        const publish = publishToRabbitmq(connection, { exchange: "", routingKey: () => to });
        const message = messageOf(letter as Letter & { id: string }, Date.now());
        await inTime("confirm the send", publish(message, { signal: AbortSignal.timeout(60_000) }));
        return true;
      },
      async remove() {
        this.isRemoved = true;
        channel.ack(delivery);
        // A reply to a later request says that it came.
        await count();
      },
    };
  };
  return {
    count,
    async visit(max, visitor) {
      for (let left = Math.min(max, await count()); left > 0; left -= 1) {
        const delivery = await inTime("hand over a letter", channel.get(queue, { noAck: false }));
        if (delivery === false) return;
        const held = hold(delivery);
        const goesOn = await visitor(held);
        if (!held.isRemoved && countLooks(delivery) >= looksMax) {
          renewals ??= await inTime("open a channel", connection.createConfirmChannel());
          await inTime("take the letter anew", publishAnew(renewals, queue, delivery));
          await held.remove();
        }
        if (!goesOn) return;
      }
    },
    finish: async () => undefined,
    notice: () => undefined,
    // The broker puts back what was not acknowledged, in its order.
    close: () => connection.close(),
  };
}

function countLooks({ properties: { headers = {} } }: Delivery): number {
  return Math.max(Number(headers["x-delivery-count"] ?? 0), Number(headers["x-acquired-count"] ?? 0));
}

/** Resolves when the queue has another copy, with the same properties. */
function publishAnew(channel: ConfirmChannel, queue: string, { content, properties }: Delivery): Promise<void> {
  const { "x-delivery-count": _count, "x-acquired-count": _acquired, ...headers } = properties.headers ?? {};
  return new Promise((resolve, reject) => {
    const options = { ...properties, headers, persistent: true, mandatory: true };
    channel.publish("", queue, content, options, (error) => {
      if (error) reject(new Error("RabbitMQ did not take the letter anew.", { cause: error }));
      else resolve();
    });
  });
}

/** Headers that RabbitMQ writes when it moves a message. */
const brokersHeader = /^x-(death$|first-death-|last-death-|delivery-count$|acquired-count$)/;

function letterOf({ content, fields, properties }: Delivery): Letter {
  const { messageId, type, contentType, timestamp, headers = {} } = properties;
  const texts = textHeaders({ "content-type": contentType, ...headers });
  return readLetter({
    id: typeof messageId === "string" ? messageId : undefined,
    topic: typeof type === "string" ? type : fields.routingKey,
    orderingKey: texts["ordering-key"],
    headers: Object.fromEntries(Object.entries(texts).filter(([name]) => !brokersHeader.test(name))),
    body: content,
    at: typeof timestamp === "number" ? timestamp * 1000 : undefined,
    reason: texts["x-first-death-reason"],
    source: texts["x-first-death-queue"],
  });
}
