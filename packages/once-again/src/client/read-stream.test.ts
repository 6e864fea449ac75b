import { expect, test } from "vitest";
import { collectGarbage } from "../../../../test/support/collect-garbage.ts";
import { fakeClock } from "../../../testing/src/fake-clock.ts";
import { readStream } from "./read-stream.ts";

const chunksMax = 20_000;

/** A stream of chunks of one byte; `onPull` is called with the number of each before it is handed out. */
function bytes(count: number, onPull: (at: number, chunk: Uint8Array) => void): ReadableStream<Uint8Array> {
  let at = 0;
  return new ReadableStream({
    pull(controller) {
      if (at === count) return controller.close();
      const chunk = Uint8Array.of(at % 256);
      onPull(at, chunk);
      at += 1;
      controller.enqueue(chunk);
    },
  });
}

const bounds = { bytesMax: chunksMax, msMax: 60_000, signal: undefined };

test("a stream's chunks are free to be collected while it is read", async () => {
  const chunks: WeakRef<Uint8Array>[] = [];
  let alive = Number.POSITIVE_INFINITY;
  const stream = bytes(chunksMax, (at, chunk) => {
    chunks.push(new WeakRef(chunk));
    // A weak reference is strong until the turn ends in which it was made or read, so few of them are looked at.
    if (at === chunksMax - 1) {
      collectGarbage();
      alive = chunks.slice(0, chunksMax / 2).filter((one) => one.deref() !== undefined).length;
    }
    return undefined;
  });
  // Each chunk in a turn apart, as a network brings them.
  const paced = stream.pipeThrough(
    new TransformStream<Uint8Array, Uint8Array>({
      async transform(chunk, controller) {
        if (chunks.length % 1000 === 0) await new Promise((resolve) => setImmediate(resolve));
        controller.enqueue(chunk);
      },
    }),
  );
  const body = await readStream(paced, { ...bounds, clock: fakeClock() });
  expect(body.byteLength).toBe(chunksMax);
  expect(alive).toBeLessThan(chunksMax / 20);
});

test("an interruption ends a stream that is never without a chunk", async () => {
  const clock = fakeClock();
  const abort = new AbortController();
  let pulled = 0;
  const endless = bytes(Number.POSITIVE_INFINITY, (at) => {
    pulled += 1;
    if (at === 1000) abort.abort(new Error("enough"));
  });
  const limits = { ...bounds, bytesMax: 1e9, clock, signal: abort.signal };
  await expect(readStream(endless, limits)).rejects.toThrow("enough");
  const then = pulled;
  for (let turn = 0; turn < 10; turn += 1) await new Promise((resolve) => setImmediate(resolve));
  expect(pulled).toBe(then);
});
