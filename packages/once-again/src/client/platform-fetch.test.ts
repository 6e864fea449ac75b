import { afterEach, beforeEach, expect, test } from "vitest";
import { retryingFetch } from "./retrying-fetch.ts";

// Which `fetch` an attempt is sent by, when none is given: that of the moment, but never ourselves.

const fast = { attemptsMax: 3, backoff: () => 0, keys: true } as const;
const url = "http://shop.example/orders";

let sent: string[];
const original = globalThis.fetch;
/** Stands for the platform's. */
const platform: typeof fetch = async (input, init) => {
  sent.push(`platform ${init?.method ?? (input as Request).method}`);
  return new Response("platform", { status: sent.length < 3 ? 503 : 200 });
};

beforeEach(() => {
  sent = [];
  globalThis.fetch = platform;
});
afterEach(() => {
  globalThis.fetch = original;
});

test("a mock that is set later is asked, and after it the platform's again", async () => {
  const call = retryingFetch(fast);
  globalThis.fetch = async () => new Response("mock");
  expect(await (await call(url)).text()).toBe("mock");
  globalThis.fetch = platform;
  expect(await (await call(url)).text()).toBe("platform");
});

test("one in the place of the platform's sends by the one from before", async () => {
  globalThis.fetch = retryingFetch(fast);
  expect(await (await fetch(url)).text()).toBe("platform");
  expect(sent).toHaveLength(3);
});

test("one in the place of the platform's is no platform's for another, which would multiply attempts", async () => {
  const call = retryingFetch(fast);
  globalThis.fetch = retryingFetch(fast);
  await call(url, { method: "POST" });
  expect(sent).toEqual(["platform POST", "platform POST", "platform POST"]);
});

test.each<[string, (next: typeof fetch) => typeof fetch]>([
  [
    "hands on its arguments",
    (next) =>
      async (...given) =>
        next(...given),
  ],
  [
    "makes a Request of them after a pause",
    (next) => async (input, init) => {
      const request = new Request(input, init);
      await new Promise((resolve) => setTimeout(resolve, 1));
      request.headers.set("x-trace", "1");
      return next(request);
    },
  ],
  ["changes each URL", (next) => async (input, init) => next(`${new Request(input).url}?at=${Math.random()}`, init)],
])("a wrapper around one in the place of the platform's, which %s, does not call itself for ever", async (_, wrap) => {
  globalThis.fetch = retryingFetch(fast);
  globalThis.fetch = wrap(globalThis.fetch);
  expect(await (await fetch(url, { method: "POST", body: "tea" })).text()).toBe("platform");
  expect(sent).toHaveLength(3);
});

test("a mock may call the same retrying fetch for something else", async () => {
  const call = retryingFetch(fast);
  const asked: string[] = [];
  globalThis.fetch = async (input) => {
    const { url: place } = new Request(input);
    asked.push(place);
    return place === url ? call("http://stock.example/tea") : new Response("mock");
  };
  expect(await (await call(url)).text()).toBe("mock");
  expect(asked).toEqual([url, "http://stock.example/tea"]);
  expect(sent).toEqual([]);
});
