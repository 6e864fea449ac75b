import { expect, test } from "vitest";
import { liveChannel } from "./live-channel.ts";

const tick = (data: number) => ({ event: "tick", data });

test("a watcher gets what is published after its call, in order", async () => {
  const channel = liveChannel();
  channel.publish(tick(0));
  const events = channel.watch(new AbortController().signal)[Symbol.asyncIterator]();
  channel.publish(tick(1));
  channel.publish(tick(2));
  expect([(await events.next()).value, (await events.next()).value]).toEqual([tick(1), tick(2)]);
  channel.close();
  expect((await events.next()).done).toBe(true);
});

test("a watcher that waits is woken, and ends with its signal", async () => {
  const channel = liveChannel();
  const stop = new AbortController();
  const events = channel.watch(stop.signal)[Symbol.asyncIterator]();
  const first = events.next();
  channel.publish(tick(1));
  expect((await first).value).toEqual(tick(1));
  const second = events.next();
  stop.abort();
  expect((await second).done).toBe(true);
});

test("a watcher that falls far behind is let go, and the others are not", async () => {
  const channel = liveChannel();
  const slow = channel.watch(new AbortController().signal)[Symbol.asyncIterator]();
  const quick = channel.watch(new AbortController().signal)[Symbol.asyncIterator]();
  for (let count = 0; count <= 10_000; count += 1) {
    const next = quick.next();
    channel.publish(tick(count));
    expect((await next).value).toEqual(tick(count));
  }
  expect((await slow.next()).done).toBe(true);
  const next = quick.next();
  channel.publish(tick(-1));
  expect((await next).value).toEqual(tick(-1));
});

test("an aborted watcher gets nothing", async () => {
  const channel = liveChannel();
  expect(await Array.fromAsync(channel.watch(AbortSignal.abort()))).toEqual([]);
});
