import { getEventListeners, once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { text } from "node:stream/consumers";
import { afterEach, beforeEach, expect, test } from "vitest";
import { constantBackoff, successBudget } from "../retry/index.ts";
import { fakeClock } from "../../../testing/src/fake-clock.ts";
import type { FetchEvent } from "./fetch-options.ts";
import { retryingFetch } from "./retrying-fetch.ts";
import { skipWaits } from "../../../../test/support/skip-waits.ts";

/** The server's action for one request. */
type Act = (response: ServerResponse, request: IncomingMessage) => void;

const answer =
  (status: number, headers: Record<string, string> = {}, body = `status ${status}`): Act =>
  (response) =>
    response.writeHead(status, headers).end(body);
const reset: Act = (response) => response.socket?.resetAndDestroy();

interface Received {
  readonly method: string | undefined;
  readonly key: string | string[] | undefined;
  readonly body: string;
}

let server: ReturnType<typeof createServer>;
let url: string;
let connections: number;
let received: Received[];
/** The server's next actions; when nothing is left it answers 200. */
let script: Act[];

beforeEach(async () => {
  [connections, received, script] = [0, [], []];
  server = createServer(async (request, response) => {
    received.push({ method: request.method, key: request.headers["idempotency-key"], body: await text(request) });
    (script.shift() ?? answer(200))(response, request);
  });
  server.on("connection", () => (connections += 1));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  url = `http://127.0.0.1:${(server.address() as { port: number }).port}/orders?secret=1`;
});

afterEach(() => {
  server.closeAllConnections();
  server.close();
});

const fast = { attemptsMax: 3, keys: true as const, backoff: constantBackoff({ delayMs: 1 }) };
const post = { method: "POST", body: "one" };
const uuidV7 = /^[\da-f]{8}-[\da-f]{4}-7[\da-f]{3}-[89ab][\da-f]{3}-[\da-f]{12}$/;

/** Resolves when the call has scheduled a wait. */
function scheduled(): { onEvent: (event: FetchEvent) => void; delayMs: Promise<number> } {
  const { promise, resolve } = Promise.withResolvers<number>();
  return { onEvent: (event) => event.type === "retry-scheduled" && resolve(event.delayMs), delayMs: promise };
}

test("it fits wherever a fetch does", async () => {
  const asFetch: typeof fetch = retryingFetch();
  expect(await (await asFetch(new URL(url))).text()).toBe("status 200");
  expect(received).toMatchObject([{ method: "GET", key: undefined }]);
});

test("a method is written as fetch writes it, and a setting of fetch's is handed on", async () => {
  const given: RequestInit[] = [];
  const watched = retryingFetch({ fetch: (input, init = {}) => (given.push(init), fetch(input, init)) });
  await watched(url, { ...post, method: "post", redirect: "manual" });
  expect(received).toMatchObject([{ method: "POST", key: expect.stringMatching(uuidV7), body: "one" }]);
  expect(given).toMatchObject([{ method: "POST", redirect: "manual" }]);
});

test("a POST without a response is sent again, with the same key and the same bytes", async () => {
  script = [reset, answer(504)];
  expect((await retryingFetch(fast)(url, post)).status).toBe(200);
  expect(received).toHaveLength(3);
  expect(received[0]).toEqual({ method: "POST", key: expect.stringMatching(uuidV7), body: "one" });
  expect(new Set(received.map((request) => JSON.stringify(request))).size).toBe(1);
});

test("every call has a separate key; PUT and GET need none; the caller's is sent as it is", async () => {
  const persistent = retryingFetch(fast);
  await persistent(url, post);
  await persistent(url, { ...post, method: "PATCH" });
  await persistent(url, { ...post, method: "PUT" });
  await persistent(url, { ...post, headers: { "idempotency-key": "mine" } });
  await retryingFetch({ keyFormat: "structured" })(url, post);
  await retryingFetch({ keyHeader: "X-Request-Id" })(url, post);
  const keys = received.map(({ key }) => key);
  expect(keys[0]).not.toBe(keys[1]);
  expect(keys.slice(2)).toEqual([undefined, "mine", expect.stringMatching(/^"[\da-f-]{36}"$/), undefined]);
});

test("a POST without a response and without a key is not sent again: its outcome is unknown", async () => {
  script = [reset];
  const call = retryingFetch({ ...fast, keys: "off" })(url, post);
  await expect(call).rejects.toMatchObject({
    code: "ONCE_OUTCOME_UNKNOWN",
    cause: { message: "fetch failed" },
    details: { attempts: 1, key: undefined },
  });
  expect(received).toHaveLength(1);
});

test("without a key a POST is sent again when it provably had no effect", async () => {
  script = [answer(425), answer(429)];
  expect((await retryingFetch({ ...fast, keys: "off" })(url, post)).status).toBe(200);
  expect(received.map(({ key }) => key)).toEqual([undefined, undefined, undefined]);
  script = [answer(503)];
  expect((await retryingFetch({ ...fast, keys: "off" })(url, post)).status).toBe(503);
});

test("a refused connection is tried again, key or not, and had no effect", async () => {
  server.close();
  await once(server, "close");
  const call = retryingFetch({ ...fast, keys: "off" })(url, post);
  await expect(call).rejects.toMatchObject({
    code: "ONCE_ATTEMPTS_EXHAUSTED",
    cause: { cause: { code: "ECONNREFUSED" } },
    details: { attempts: 3 },
  });
});

test("the error of a call that gives up with an unknown outcome has its key, and the key asks again", async () => {
  script = [reset, reset, reset];
  const persistent = retryingFetch(fast);
  const error = await persistent(url, post).catch((error: unknown) => error);
  expect(error).toMatchObject({
    code: "ONCE_OUTCOME_UNKNOWN",
    cause: { code: "ONCE_ATTEMPTS_EXHAUSTED" },
    details: { attempts: 3, key: received[0]?.key },
  });
  const { key } = (error as { details: { key: string } }).details;
  await persistent(url, { ...post, headers: { "Idempotency-Key": key } });
  expect(received.map((request) => request.key)).toEqual([key, key, key, key]);
});

test("one lost answer leaves the outcome unknown, though later attempts never arrive", async () => {
  script = [
    (...exchange) => {
      server.close();
      reset(...exchange);
    },
  ];
  const call = retryingFetch(fast)(url, post);
  await expect(call).rejects.toMatchObject({
    code: "ONCE_OUTCOME_UNKNOWN",
    cause: { code: "ONCE_ATTEMPTS_EXHAUSTED", cause: { cause: { code: "ECONNREFUSED" } } },
  });
});

test("a read has no outcome that could be unknown", async () => {
  script = [reset, reset, reset];
  await expect(retryingFetch(fast)(url)).rejects.toMatchObject({ code: "ONCE_ATTEMPTS_EXHAUSTED" });
});

test("what no repeat can help is thrown as fetch throws it", async () => {
  await expect(retryingFetch(fast)("not a url")).rejects.toThrow(TypeError);
  await expect(retryingFetch(fast)(url, { method: "GET", body: "x" })).rejects.toThrow(TypeError);
  await expect(retryingFetch(fast)(url, { method: "GET", body: () => "x" })).rejects.toThrow(TypeError);
  await expect(retryingFetch(fast)(url.replace("//", "//user:secret@"), post)).rejects.toThrow(TypeError);
  await expect(retryingFetch(fast)(url, { ...post, method: "TRACE" })).rejects.toThrow(TypeError);
  await expect(retryingFetch(fast)(url, { ...post, headers: { "no name": "x" } })).rejects.toThrow(TypeError);
  await expect(retryingFetch(fast)("http://127.0.0.1:1", post)).rejects.toThrow("fetch failed");
  expect(received).toEqual([]);
});

test("the last response is returned, whole, when it gives up on a status", async () => {
  script = [answer(500), answer(500), answer(503, {}, "the last")];
  const response = await retryingFetch(fast)(url, { method: "PUT", body: "one" });
  expect([response.status, await response.text()]).toEqual([503, "the last"]);

  script = [answer(422), answer(200)];
  expect((await retryingFetch(fast)(url, post)).status).toBe(422);
  script = [answer(500, { "Idempotent-Replayed": "true" }), answer(200)];
  expect((await retryingFetch(fast)(url, post)).status).toBe(500);
});

test("a keyed call in doubt does not fail with a plain failure, unless the response is the stored one", async () => {
  const ending = async (...acts: Act[]) => {
    script = acts;
    const end = await retryingFetch({ ...fast, attemptsMax: 2 })(url, post).catch((error: unknown) => error);
    return end instanceof Response ? end.status : end;
  };
  // A server can fail after the effect: only a refusal says that there was none.
  for (const open of [reset, answer(500), answer(503), answer(504), answer(409, { "Retry-After": "0" })]) {
    for (const refusal of [answer(503), answer(401), answer(404)]) {
      expect(await ending(open, refusal)).toMatchObject({
        code: "ONCE_OUTCOME_UNKNOWN",
        details: { attempts: 2, key: received.at(-1)?.key, status: expect.any(Number) },
      });
    }
  }
  expect(await ending(answer(500), answer(500))).toMatchObject({
    code: "ONCE_OUTCOME_UNKNOWN",
    details: { attempts: 2, status: 500 },
  });
  expect(await ending(reset, answer(402, { "Idempotent-Replayed": "true" }))).toBe(402);
  expect(await ending(reset, answer(201))).toBe(201);
  expect(await ending(answer(425), answer(404))).toBe(404);
  expect(await ending(answer(425), answer(429))).toBe(429);
});

test("Retry-After is waited for, and a bit more", async () => {
  script = [answer(409, { "Retry-After": "7" })];
  const clock = fakeClock();
  const { onEvent, delayMs } = scheduled();
  const call = retryingFetch({ ...fast, clock, onEvent, backoff: () => 500 })(url, post);
  expect(await delayMs).toBeGreaterThanOrEqual(7000);
  expect(await delayMs).toBeLessThan(7500);
  await clock.advance(7500);
  expect((await call).status).toBe(200);
});

test("a Retry-After beyond the deadline, or beyond the key's retention, is not waited for", async () => {
  for (const limit of [{ timeoutMs: 5000 }, { keyRetentionMs: 5000 }]) {
    script = [answer(429, { "Retry-After": "7" })];
    const response = await retryingFetch({ ...fast, ...limit, clock: fakeClock() })(url, post);
    expect(response.headers.get("Retry-After")).toBe("7");
  }
});

test("an attempt that hangs is cut and repeated", async () => {
  const clock = fakeClock();
  script = [() => void clock.advance(50)];
  const response = await retryingFetch({ ...fast, clock, onEvent: skipWaits(clock), attemptTimeoutMs: 50 })(url, post);
  expect(response.status).toBe(200);
  expect(new Set(received.map(({ key }) => key)).size).toBe(1);
});

test("the deadline cuts an attempt that hangs: the outcome is unknown", async () => {
  const clock = fakeClock();
  script = [() => void clock.advance(5000)];
  const call = retryingFetch({ ...fast, clock, timeoutMs: 5000 })(url, post);
  await expect(call).rejects.toMatchObject({
    code: "ONCE_OUTCOME_UNKNOWN",
    cause: { code: "ONCE_DEADLINE_EXCEEDED" },
    details: { attempts: 1, key: expect.stringMatching(uuidV7) },
  });
});

test("the caller's abort ends an attempt, a wait and the reading of the answer, as in fetch", async () => {
  const inWait = scheduled();
  script = [answer(503)];
  const waiting = new AbortController();
  const options = { ...fast, backoff: () => 60_000, onEvent: inWait.onEvent };
  const call = retryingFetch(options)(new Request(url, { ...post, signal: waiting.signal }));
  await inWait.delayMs;
  waiting.abort();
  await expect(call).rejects.toMatchObject({ name: "AbortError" });

  const attempting = new AbortController();
  script = [() => attempting.abort(new Error("enough"))];
  await expect(retryingFetch(fast)(url, { ...post, signal: attempting.signal })).rejects.toThrow("enough");

  const reading = new AbortController();
  script = [(response) => response.writeHead(200).write("half")];
  const response = await retryingFetch(fast)(url, { ...post, signal: reading.signal });
  reading.abort();
  await expect(response.text()).rejects.toMatchObject({ name: "AbortError" });
  expect(received).toHaveLength(3);
});

test("calls on one signal leave no listener", async () => {
  const { signal } = new AbortController();
  script = [answer(503)];
  const persistent = retryingFetch(fast);
  for (let call = 0; call < 5; call += 1) await (await persistent(url, { ...post, signal })).text();
  expect(getEventListeners(signal, "abort")).toEqual([]);
});

test("100 retries use few connections, since answers are read to their end", async () => {
  script = Array.from({ length: 100 }, () => (response: ServerResponse) => {
    response.writeHead(503).write("first part");
    setTimeout(() => response.end("second part"), 1);
  });
  const patient = { keys: true as const, attemptsMax: 101, backoff: () => 10, budget: "off" } as const;
  expect((await retryingFetch(patient)(url, post)).status).toBe(200);
  expect(received).toHaveLength(101);
  expect(connections).toBeLessThan(30);
});

test("an answer without end is given up, and the call goes on", async () => {
  const part = Buffer.alloc(16_384);
  const pour = (response: ServerResponse): void => {
    while (!response.destroyed && response.write(part));
    response.once("drain", () => pour(response));
  };
  script = [(response) => pour(response.writeHead(503))];
  expect((await retryingFetch({ ...fast, backoff: () => 20 })(url, post)).status).toBe(200);
});

test("the budget is shared by the calls to one origin, and can be one's own or off", async () => {
  const many = { ...fast, attemptsMax: 200, backoff: () => 0 };
  script = Array.from({ length: 150 }, () => answer(429));
  expect((await retryingFetch(many)(url, post)).status).toBe(429);
  expect(received).toHaveLength(101);
  expect((await retryingFetch({ ...many, budget: successBudget({ capacity: 10 }) })(url, post)).status).toBe(429);
  expect(received).toHaveLength(112);
  expect((await retryingFetch({ ...many, budget: "off" })(url, post)).status).toBe(200);
});

test("events name the call, without its query, and what failures prove", async () => {
  script = [reset];
  const events: FetchEvent[] = [];
  await retryingFetch({ ...fast, onEvent: (event) => events.push(event) })(url, post);
  const facts = { method: "POST", url: url.replace(/\?.*/, ""), key: received[0]?.key };
  expect(events).toMatchObject([
    { type: "attempt-started", ...facts, verdict: undefined },
    { type: "attempt-failed", ...facts, verdict: { delivery: "unknown" } },
    { type: "retry-scheduled", ...facts },
    { type: "attempt-started", ...facts },
    { type: "succeeded", ...facts, verdict: undefined },
  ]);
});

test("options that make no sense are refused when the fetch is made", () => {
  const refused = expect.objectContaining({ code: "ONCE_OPTION_INVALID" });
  expect(() => retryingFetch({ attemptsMax: 0 })).toThrow(refused);
  expect(() => retryingFetch({ keyRetentionMs: 0 })).toThrow(refused);
  expect(() => retryingFetch({ budget: "none" as "off" })).toThrow(refused);
  expect(() => retryingFetch({ keyFormat: "quoted" as "bare" })).toThrow(refused);
  for (const name of ["fetch", "backoff", "onEvent"]) {
    expect(() => retryingFetch({ [name]: 5 }), name).toThrow(`${name} must be a function, but it is 5.`);
  }
  expect(() => retryingFetch({ budget: {} as never })).toThrow(refused);
});
