import { EventEmitter } from "node:events";
import { expect, test } from "vitest";
import type { OutboxMessage } from "../../../stores/outbox-store.ts";
import { publishToRabbitmq } from "./rabbitmq.ts";

// Channels that a broker opens when they are no longer waited for.

const message: OutboxMessage = {
  ...{ id: "1", topic: "orders", orderingKey: undefined, headers: {}, addedAt: 0 },
  body: new Uint8Array(),
};

class Channel extends EventEmitter {
  isClosed = false;
  published = 0;

  publish(...[, , , , confirmed]: [string, string, Buffer, object, (error: unknown) => void]): boolean {
    if (this.isClosed) throw new Error("Channel closed");
    this.published += 1;
    confirmed(null);
    return true;
  }

  async close(): Promise<void> {
    this.isClosed = true;
    this.emit("close");
  }
}

function opened() {
  const channels = [new Channel(), new Channel()];
  const openings = channels.map(() => Promise.withResolvers<void>());
  let asked = 0;
  const createConfirmChannel = async (): Promise<Channel> => {
    const at = asked;
    asked += 1;
    await openings[at]!.promise;
    return channels[at]!;
  };
  const publisher = publishToRabbitmq({ createConfirmChannel }, { exchange: "shop" });
  const publish = (signal = new AbortController().signal) => publisher(message, { signal });
  const open = async (at: number): Promise<void> => {
    openings[at]!.resolve();
    await new Promise(setImmediate);
  };
  /** A message that is given up while its channel is opened. */
  const giveUp = async (): Promise<void> => {
    const time = new AbortController();
    const given = publish(time.signal);
    time.abort();
    await expect(given).rejects.toMatchObject({ code: "ONCE_BROKER_UNAVAILABLE" });
  };
  return { channels, publish, open, giveUp, asked: () => asked };
}

test("a channel that is opened when it was given up is closed, where another was opened in its place", async () => {
  const { channels, publish, open, giveUp } = opened();
  await giveUp();
  const second = publish();
  await open(1);
  await second;
  await open(0);
  expect(channels.map(({ isClosed }) => isClosed)).toEqual([true, false]);
  // Its end is not that of the other.
  await publish();
  expect(channels.map(({ published }) => published)).toEqual([0, 2]);
});

test("and is used, where none was", async () => {
  const { channels, publish, open, giveUp, asked } = opened();
  await giveUp();
  await open(0);
  await open(1);
  await publish();
  expect([asked(), channels[0]!.published, channels[0]!.isClosed]).toEqual([1, 1, false]);
});

test("a channel that was closed has a successor, and its own end takes nothing from that", async () => {
  const { channels, publish, open, asked } = opened();
  const first = publish();
  await open(0);
  await first;
  await channels[0]!.close();
  const second = publish();
  await open(1);
  await second;
  channels[0]!.emit("close");
  await publish();
  expect([asked(), channels[1]!.published]).toEqual([2, 2]);
});
