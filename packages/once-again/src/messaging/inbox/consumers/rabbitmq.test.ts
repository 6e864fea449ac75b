import { EventEmitter } from "node:events";
import { afterEach, beforeEach, expect, onTestFinished, test, vi } from "vitest";
import { memoryStore } from "../../../stores/memory/index.ts";
import { consumeRabbitmq, openInbox } from "../index.ts";

// Channels that a broker opens when they are no longer waited for.

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

class Channel extends EventEmitter {
  readonly calls: string[] = [];

  async prefetch(): Promise<void> {
    this.calls.push("prefetch");
  }

  async checkQueue(): Promise<void> {
    this.calls.push("check");
  }

  async consume(): Promise<{ consumerTag: string }> {
    this.calls.push("consume");
    return { consumerTag: "" };
  }

  ack(): void {
    this.calls.push("ack");
  }

  async close(): Promise<void> {
    this.calls.push("close");
    this.emit("close");
  }
}

/** A connection that opens channels when the test says so. */
function connectionOf(count: number) {
  const channels = Array.from({ length: count }, () => new Channel());
  const openings = channels.map(() => Promise.withResolvers<void>());
  let asked = 0;
  const createChannel = async (): Promise<Channel> => {
    const at = asked;
    asked += 1;
    await openings[at]!.promise;
    return channels[at]!;
  };
  const connection = { createChannel, createConfirmChannel: createChannel };
  return {
    connection: connection as never,
    channels,
    open: (at: number) => openings[at]!.resolve(),
    asked: () => asked,
  };
}

test("a channel that is opened too late takes nothing beside the one that was opened in its place", async () => {
  const inbox = openInbox({ store: memoryStore(), consumer: "billing" });
  onTestFinished(() => inbox.close());
  const { connection, channels, open, asked } = connectionOf(3);
  open(0);
  const consumer = await consumeRabbitmq(
    connection,
    { inbox, queue: "orders", onError: () => undefined },
    () => undefined,
  );
  channels[0]!.emit("close");
  await vi.advanceTimersByTimeAsync(31_000);
  expect(asked()).toBe(3);
  open(2);
  await vi.advanceTimersByTimeAsync(0);
  expect(channels[2]!.calls).toContain("consume");
  open(1);
  await vi.advanceTimersByTimeAsync(60_000);
  expect(channels[1]!.calls).toEqual(["close"]);
  expect(asked()).toBe(3);
  await consumer.close();
  expect(channels[2]!.calls.at(-1)).toBe("close");
});
