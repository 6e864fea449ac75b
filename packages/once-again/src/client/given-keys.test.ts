import { expect, test } from "vitest";
import { answer, reset, scriptedServer } from "../../../../test/support/scripted-server.ts";
import type { RetryingRequestInit } from "./request-body.ts";
import { type RetryingFetch, retryingFetch } from "./retrying-fetch.ts";

/** Every way in which a caller can give a key. */
const ways: Record<string, (call: RetryingFetch, url: string, name: string, key: string) => Promise<Response>> = {
  "an object": (call, url, name, key) => call(url, { ...post, headers: { [name]: key } }),
  Headers: (call, url, name, key) => call(url, { ...post, headers: new Headers([[name, key]]) }),
  pairs: (call, url, name, key) => call(url, { ...post, headers: [[name, key]] }),
  "a Request": (call, url, name, key) => call(new Request(url, { ...post, headers: { [name]: key } })),
  "a Request and an init": (call, url, name, key) =>
    call(new Request(url, post), { headers: { [name]: key } } satisfies RetryingRequestInit),
};
const names = ["idempotency-key", "Idempotency-Key", "IDEMPOTENCY-KEY"];
const post = { method: "POST", body: "tea" };
const uuid = /^[\da-f-]{36}$/;
const badKeys = ["", "  ", '""', '"open', "two, keys", "käse", "with space", "k".repeat(256)];

test.each(Object.keys(ways).flatMap((way) => badKeys.map((key): [string, string] => [way, key])))(
  "a key given by %s as %j is refused before anything is sent",
  async (way, key) => {
    const server = await scriptedServer();
    server.script.push(reset, reset);
    for (const name of names) {
      for (const keys of [true, "off"] as const) {
        const call = ways[way]!(retryingFetch({ keys, backoff: () => 0 }), server.url, name, key);
        await expect(call).rejects.toMatchObject({ code: "ONCE_KEY_INVALID" });
      }
    }
    expect(server.received).toEqual([]);
  },
);

test("a key given twice is refused", async () => {
  const server = await scriptedServer();
  const twice: Array<[string, string]> = [
    ["idempotency-key", "one"],
    ["Idempotency-Key", "one"],
  ];
  for (const headers of [twice, new Headers(twice)]) {
    await expect(retryingFetch()(server.url, { ...post, headers })).rejects.toMatchObject({ code: "ONCE_KEY_INVALID" });
  }
  await expect(retryingFetch()(new Request(server.url, { ...post, headers: twice }))).rejects.toMatchObject({
    code: "ONCE_KEY_INVALID",
  });
  expect(server.received).toEqual([]);
});

test.each(Object.keys(ways))("a good key given by %s goes out as it was written", async (way) => {
  const server = await scriptedServer();
  for (const key of ["order-1", '"order-1"', "k".repeat(255)]) {
    await ways[way]!(retryingFetch(), server.url, "IDEMPOTENCY-KEY", key);
    expect(server.received.at(-1)?.key).toBe(key);
  }
});

test("another header of the caller's choice is held to the same", async () => {
  const server = await scriptedServer();
  const call = retryingFetch({ keyHeader: "X-Request-Id" })(server.url, { ...post, headers: { "x-request-id": "" } });
  await expect(call).rejects.toMatchObject({ code: "ONCE_KEY_INVALID" });
  expect(server.received).toEqual([]);
});

test("keys are made for all origins, and a lost response is asked for again at those that are named", async () => {
  const [known, other] = [await scriptedServer(), await scriptedServer()];
  const { origin } = new URL(known.url);
  const rules = [[origin], (asked: URL) => asked.origin === origin];
  for (const keys of rules) {
    const call = retryingFetch({ keys, backoff: () => 0 });
    known.script.push(reset);
    other.script.push(reset);
    expect((await call(known.url, post)).status).toBe(200);
    await expect(call(other.url, post)).rejects.toMatchObject({
      code: "ONCE_OUTCOME_UNKNOWN",
      details: { key: expect.any(String) },
    });
  }
  expect(known.received.map(({ key }) => key)).not.toContain("undefined");
  expect(other.received.map(({ key }) => key)).toEqual([expect.stringMatching(uuid), expect.stringMatching(uuid)]);
});

test.each([
  { keys: ["shop.example"] },
  { keys: ["https://shop.example/"] },
  { keys: 7 },
  { keys: "never" },
  { trustRetryAfter: "all" },
])("%o is refused", (options) => {
  const make = (): unknown => retryingFetch(options as never);
  expect(make).toThrow(expect.objectContaining({ code: "ONCE_OPTION_INVALID" }));
});

const ours = (code: string) =>
  answer(
    503,
    { "Retry-After": "0", "content-type": "application/problem+json" },
    JSON.stringify({ code, status: 503 }),
  );

test("a 503 with Retry-After is repeated without a key only when it is once-again's own", async () => {
  const server = await scriptedServer();
  const call = retryingFetch({ keys: "off", attemptsMax: 3, backoff: () => 0 });
  const foreign = [
    answer(503, { "Retry-After": "0" }),
    answer(503, { "Retry-After": "0", "content-type": "application/problem+json" }, "{"),
    answer(503, { "Retry-After": "0", "content-type": "application/problem+json" }, "x".repeat(100_000)),
    answer(503, { "Retry-After": "0", "content-type": "application/json" }, '{"code":"ONCE_NO_EFFECT"}'),
    answer(502, { "Retry-After": "0", "content-type": "application/problem+json" }, '{"code":"ONCE_NO_EFFECT"}'),
    ours("ONCE_OUTCOME_UNKNOWN"),
    ours("ONCE_RESULT_UNCONFIRMED"),
    ours("SOMETHING_ELSE"),
  ];
  for (const act of foreign) {
    server.script.push(act);
    const before = server.received.length;
    expect((await call(server.url, post)).status).toBeGreaterThan(500);
    expect(server.received.length - before).toBe(1);
  }
  for (const code of ["ONCE_NO_EFFECT", "ONCE_CLOSED", "ONCE_STORE_UNAVAILABLE", "ONCE_QUOTA_EXCEEDED"]) {
    server.script.push(ours(code));
    expect((await call(server.url, post)).status).toBe(200);
  }
});

test("a keyed call that ends with a foreign 503 is in doubt, and with once-again's own or a trusted one is not", async () => {
  const server = await scriptedServer();
  const ended = async (options: object, act: (typeof server.script)[number]): Promise<unknown> => {
    server.script.push(act);
    const call = retryingFetch({ attemptsMax: 1, ...options })(server.url, post);
    return call.then(
      async (response) => `${response.status} ${(await response.text()).length}`,
      (error) => error,
    );
  };
  const foreign = answer(503, { "Retry-After": "60" });
  expect(await ended({}, foreign)).toMatchObject({
    code: "ONCE_OUTCOME_UNKNOWN",
    details: { retryAt: expect.any(Number) },
  });
  const { origin } = new URL(server.url);
  for (const trustRetryAfter of [true, [origin], (asked: string) => asked === origin]) {
    expect(await ended({ trustRetryAfter }, foreign)).toBe("503 10");
  }
  expect(await ended({ trustRetryAfter: ["https://elsewhere.example"] }, foreign)).toMatchObject({
    code: "ONCE_OUTCOME_UNKNOWN",
  });
  // Its body is still there for the caller.
  expect(await ended({}, ours("ONCE_NO_EFFECT"))).toBe("503 38");
});
