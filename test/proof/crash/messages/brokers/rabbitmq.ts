import { setTimeout } from "node:timers/promises";
import amqplib, { type RecoveringChannelModel } from "amqplib";
import {
  type Consumer,
  consumeRabbitmq,
  type Inbox,
} from "../../../../../packages/once-again/src/messaging/inbox/index.ts";
import { publishToRabbitmq } from "../../../../../packages/once-again/src/messaging/outbox/index.ts";
import { rabbitmqBinary, startRabbitmq } from "../../../../support/servers/rabbitmq.ts";
import type { MessagesBroker } from "../broker.ts";
import { insist } from "../child.ts";
import type { Place, PlaceTopic } from "../places.ts";
import { consumerNames, consumers, deliveriesMax } from "../shop.ts";

const exchange = "shop";
/** A queue that gets everything, which the audit reads as it comes. */
const archive = "archive";

/** Where messages of this topic go. */
const full: PlaceTopic = "places.full";

/** A node that is killed within half a second after a quorum queue was declared may forget the queue (4.0.5). */
const settleMs = 1000;

export const rabbitmqBroker: MessagesBroker = {
  name: "rabbitmq",
  binary: rabbitmqBinary,
  start: startRabbitmq,
  publishing: "application/json",
  // The method basic.ack (AMQP 0-9-1): class 60, method 80.
  acknowledging: "\0<\0P",
  deliversInOrder: true,
  hasLeases: false,
  survivesKills: true,
  async link(url) {
    const connection = await connect(url);
    return {
      publish: publishToRabbitmq(connection, { exchange }),
      consume: (name, inbox, work) =>
        consumeRabbitmq(
          connection,
          { inbox, queue: name, prefetch: consumers[name].isOrdered ? 1 : 16, onError: () => undefined },
          work,
        ),
      close: () => connection.close(),
    };
  },
  async prepare(url) {
    const connection = await connect(url);
    const channel = await connection.createChannel();
    await channel.assertExchange(exchange, "direct", { durable: true });
    const quorum = { "x-queue-type": "quorum", "x-delivery-limit": deliveriesMax };
    // Of two readers, of which one is gone already, the new one would get what came later first.
    await channel.assertQueue(archive, { arguments: { ...quorum, "x-single-active-consumer": true } });
    await channel.assertQueue(`${archive}.dead`, { arguments: quorum });
    for (const name of consumerNames) {
      const { isOrdered, topic } = consumers[name];
      await channel.assertQueue(name, { arguments: { ...quorum, "x-single-active-consumer": isOrdered } });
      await channel.assertQueue(`${name}.dead`, { arguments: quorum });
      for (const queue of [name, archive]) await channel.bindQueue(queue, exchange, topic);
    }
    await channel.assertQueue(full, { arguments: { ...quorum, "x-max-length": 1, "x-overflow": "reject-publish" } });
    await channel.assertQueue(`${full}.dead`, { arguments: quorum });
    await channel.bindQueue(full, exchange, full);
    await channel.close();
    await setTimeout(settleMs);
    const reader = archiveReader();
    const options = { inbox: reader.inbox, queue: archive, prefetch: 1000, onError: () => undefined };
    const reading = await consumeRabbitmq(connection, options, () => undefined);
    const count = async (queues: readonly string[]): Promise<number> => {
      const asking = await connection.createChannel();
      asking.on("error", () => undefined);
      const counts = await Promise.all(queues.map(async (queue) => (await asking.checkQueue(queue)).messageCount));
      await asking.close();
      return counts.reduce((sum, one) => sum + one, 0);
    };
    const place = await boundedPlace(connection, async () => (await count([full])) > 0);
    return {
      waiting: () => count([...consumerNames, archive, full]),
      letters: () => count([...consumerNames, archive, full].map((name) => `${name}.dead`)),
      full: place,
      published: async () => reader.ids,
      async close() {
        await reading.close();
        await place.shut();
        await connection.close();
      },
    };
  },
};

/** A queue that has room for one message, so that it is full unless it is read. */
async function boundedPlace(connection: RecoveringChannelModel, isTried: () => Promise<boolean>): Promise<Place> {
  const { inbox, ids } = archiveReader();
  const read = (): Promise<Consumer> =>
    insist(() => consumeRabbitmq(connection, { inbox, queue: full, onError: () => undefined }, () => undefined));
  let reading = await read();
  return {
    ids,
    shut: () => reading.close(),
    open: async () => void (reading = await read()),
    isTried,
  };
}

async function connect(url: string): Promise<RecoveringChannelModel> {
  const connection = await amqplib.connect(url, { recovery: { initialDelay: 20, maxDelay: 200 } });
  connection.on("error", () => undefined);
  return connection;
}

/** Takes down the id of each message that comes for the first time since it was published. */
function archiveReader(): { inbox: Inbox; ids: readonly string[] } {
  const ids: string[] = [];
  const inbox: Inbox = {
    consumer: archive,
    hasMarks: false,
    async handle({ id, deliveries = 1 }) {
      // A message that the broker delivers again was published once.
      if (deliveries === 1 || !known.has(id)) ids.push(String(id));
      known.add(id);
      return { action: "acknowledge", isRepeat: false };
    },
    close: async () => undefined,
    [Symbol.asyncDispose]: async () => undefined,
  };
  const known = new Set<unknown>();
  return { inbox, ids };
}
