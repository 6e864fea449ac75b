import { Readable } from "node:stream";
import { expect, test } from "vitest";
import { answer, breakOff, scriptedServer } from "../../../../test/support/scripted-server.ts";
import { fakeClock } from "../../../testing/src/fake-clock.ts";
import { discardBody } from "./read-stream.ts";
import { retryingFetch } from "./retrying-fetch.ts";

/** Waits for the rejection that is to come; begun before it, so that it is never unhandled. */
async function rejects(promise: Promise<unknown>, reason: unknown): Promise<void> {
  await expect(promise).rejects.toEqual(reason);
}

const fast = { attemptsMax: 3, keys: true as const, backoff: () => 0 };
const post = { method: "POST", body: "tea" };

/** A body that never ends, and records when it is cancelled. */
function endless() {
  const cancelled = Promise.withResolvers<unknown>();
  const stream = new ReadableStream({ cancel: (reason) => cancelled.resolve(reason) });
  return { stream, cancelled: cancelled.promise };
}

test("with readBody an answer that breaks off is asked for again, with its key, and comes whole", async () => {
  const server = await scriptedServer();
  server.script.push(breakOff, answer(201, {}, "whole"));
  const response = await retryingFetch({ ...fast, readBody: true })(server.url, post);
  expect([response.status, response.url, await response.text()]).toEqual([201, server.url, "whole"]);
  expect(new Set(server.received.map(({ key }) => key)).size).toBe(1);
  server.script.push(breakOff);
  const broken = await retryingFetch(fast)(server.url, post);
  await expect(broken.text()).rejects.toThrow();
});

test("with readBody an answer that is longer than its bound is handed over, whole", async () => {
  const server = await scriptedServer();
  const long = "x".repeat(3_000_000);
  server.script.push(answer(200, {}, long));
  const response = await retryingFetch({ ...fast, readBody: { bytesMax: 1000 } })(server.url);
  expect((await response.text()).length).toBe(long.length);
});

test("the reading of a Request's body heeds the signal, the deadline and its bound, and nothing is sent", async () => {
  const server = await scriptedServer();
  const request = (body: ReadableStream): Request => new Request(server.url, { method: "POST", body, duplex: "half" });

  const controller = new AbortController();
  const aborted = endless();
  const call = retryingFetch()(request(aborted.stream), { signal: controller.signal });
  controller.abort(new Error("enough"));
  await expect(call).rejects.toThrow("enough");
  await aborted.cancelled;

  const clock = fakeClock();
  const late = retryingFetch({ clock, timeoutMs: 100 })(request(endless().stream));
  const details = expect.objectContaining({ noEffect: true });
  const refused = rejects(late, expect.objectContaining({ code: "ONCE_DEADLINE_EXCEEDED", details }));
  await clock.advance(100);
  await refused;

  const large = retryingFetch({ bodyBytesMax: 10 })(request(new Blob(["x".repeat(11)]).stream()));
  await expect(large).rejects.toMatchObject({ code: "ONCE_BODY_TOO_LARGE" });
  expect(server.received).toEqual([]);
  await retryingFetch({ bodyBytesMax: 11 })(request(new Blob(["x".repeat(11)]).stream()));
  expect(server.received).toMatchObject([{ body: "x".repeat(11) }]);
});

test("the stream of a body that fails as if nothing had been sent is not sent again without a key", async () => {
  const server = await scriptedServer();
  const refused = Object.assign(new Error("connect ECONNREFUSED"), { code: "ECONNREFUSED", syscall: "connect" });
  let made = 0;
  const body = (): ReadableStream => {
    made += 1;
    return Readable.toWeb(
      Readable.from(
        (async function* () {
          yield Buffer.from("half");
          throw refused;
        })(),
      ),
    ) as ReadableStream;
  };
  const call = retryingFetch({ ...fast, keys: "off" })(server.url, { method: "POST", body });
  await expect(call).rejects.toMatchObject({ code: "ONCE_OUTCOME_UNKNOWN" });
  expect(made).toBe(1);
});

test("an answer that can't even be looked at is got rid of without a fault", async () => {
  const odd = {
    get body(): never {
      throw new RangeError("status 999");
    },
  } as unknown as Response;
  await expect(discardBody(odd, fakeClock())).resolves.toBeUndefined();
});

test("an attempt that never began is not judged by the one before", async () => {
  const server = await scriptedServer();
  // A timer that is late: the wait ends when the deadline is over, and the second attempt never begins.
  const clock = fakeClock();
  const lateClock = {
    ...clock,
    timer: (ms: number, callback: () => void) => clock.timer(ms === 500 ? 5000 : ms, callback),
  };
  server.script.push(answer(429), answer(200));
  const call = retryingFetch({
    ...fast,
    clock: lateClock,
    timeoutMs: 1000,
    backoff: () => 500,
    onEvent: (event) => event.type === "retry-scheduled" && void clock.advance(5000),
  })(server.url, post);
  await expect(call).rejects.toMatchObject({ code: "ONCE_DEADLINE_EXCEEDED", details: { noEffect: true } });
  expect(server.received).toHaveLength(1);
});
