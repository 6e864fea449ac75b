import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { Readable, Writable } from "node:stream";
import { buffer } from "node:stream/consumers";
import * as undici7 from "undici";
import * as undici8 from "undici8";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type FetchEvent, retryingFetch } from "../../client/index.ts";
import { fakeClock } from "../../../../testing/src/fake-clock.ts";
import { retryInterceptor } from "./index.ts";
import { skipWaits } from "../../../../../test/support/skip-waits.ts";
import { until } from "../../../../../test/support/until.ts";

type RetryInterceptorOptions = NonNullable<Parameters<typeof retryInterceptor>[0]>;

type Act = (response: ServerResponse, request: IncomingMessage) => void;
const answer =
  (status: number, headers: Record<string, string> = {}, body = `status ${status}`): Act =>
  (response) =>
    void response.writeHead(status, headers).end(body);
const reset: Act = (response) => response.socket?.resetAndDestroy();
const hang: Act = () => undefined;

let server: Server;
let url: string;
let connections: number;
let received: { key: unknown; type: unknown; body: string }[];
/** The server's next actions; when nothing is left it answers 200. */
let script: Act[];

beforeEach(async () => {
  [connections, received, script] = [0, [], []];
  server = createServer(async (request, response) => {
    const { "idempotency-key": key, "content-type": type } = request.headers;
    received.push({ key, type, body: (await buffer(request)).toString("latin1") });
    (script.shift() ?? answer(200))(response, request);
  });
  server.on("connection", () => (connections += 1));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/orders?secret=1`;
});

afterEach(() => {
  server.closeAllConnections();
  server.close();
});

const fast: RetryInterceptorOptions = { attemptsMax: 3, keys: true, backoff: () => 0 };

/** Both versions have one shape here; their types name their own classes. */
const versions = { "undici 7": undici7, "undici 8": undici8 as unknown as typeof undici7 };

describe.each(Object.entries(versions))("%s", (_name, { Agent, FormData, fetch, interceptors, request, stream }) => {
  const agent = (options: RetryInterceptorOptions = {}) =>
    new Agent().compose(retryInterceptor({ ...fast, ...options }));

  test("headers in any form keep their own key, and get one that they lack", async () => {
    const dispatcher = agent();
    const post = { dispatcher, method: "POST", body: "tea" } as const;
    const pairs = new Map([["idempotency-key", "mine"]]);
    for (const headers of [{ "Idempotency-Key": "mine" }, ["IDEMPOTENCY-KEY", "mine"], pairs]) {
      await request(url, { ...post, headers: headers as Record<string, string> });
    }
    for (const headers of [undefined, { accept: "*/*" }, ["accept", "*/*"], new Map([["accept", "*/*"]])]) {
      await request(url, { ...post, headers: headers as Record<string, string> });
    }
    await request(url, { dispatcher, method: "PUT", body: "tea" });
    const keys = received.map(({ key }) => key);
    expect(keys.slice(0, 3)).toEqual(["mine", "mine", "mine"]);
    expect(new Set(keys.slice(3, 7)).size).toBe(4);
    expect(keys.slice(3, 7).every((key) => /^[\da-f-]{36}$/.test(String(key)))).toBe(true);
    expect(keys[7]).toBeUndefined();
  });

  test("every replayable body is sent again byte for byte", async () => {
    const form = new FormData();
    form.append("item", "tea");
    form.append("photo", new File([Uint8Array.of(0, 255, 13, 10)], "tea.bin"));
    const bodies = ["tea", Buffer.from([0, 255]), new Uint8Array([1, 2]), new Blob(["tea"]) as unknown as string, form];
    for (const body of bodies) {
      script = [reset, answer(503)];
      received = [];
      const { statusCode } = await request(url, { dispatcher: agent(), method: "POST", body });
      expect(statusCode).toBe(200);
      expect(received).toHaveLength(3);
      expect(new Set(received.map((one) => JSON.stringify(one))).size).toBe(1);
      expect(received[0]?.body).not.toBe("");
    }
    expect(received[0]).toMatchObject({ type: expect.stringMatching(/^multipart\/form-data; boundary=/) });
    expect(received[0]?.body).toContain("\0\xff\r\n");
  });

  test("a stream that declares its length is buffered and sent again; one that lies about it is refused", async () => {
    script = [reset];
    const post = { dispatcher: agent(), method: "POST" } as const;
    await request(url, { ...post, body: Readable.from(["te", "a"]), headers: { "content-length": "3" } });
    expect(received.map(({ body }) => body)).toEqual(["tea", "tea"]);
    received = [];
    const call = request(url, { ...post, body: Readable.from(["tea"]), headers: { "content-length": "4" } });
    await expect(call).rejects.toMatchObject({ code: "ONCE_BODY_NOT_REPLAYABLE" });
    expect(received).toEqual([]);
  });

  test("any other stream is sent once, with a key, and what is left in doubt is said", async () => {
    const large = "x".repeat(2_000_000);
    const post = { dispatcher: agent(), method: "POST" } as const;
    const declared = { "content-length": String(large.length) };
    expect((await request(url, { ...post, body: Readable.from([large]), headers: declared })).statusCode).toBe(200);
    expect((await request(url, { ...post, body: Readable.from(["tea"]) })).statusCode).toBe(200);
    expect(received.map(({ body }) => body.length)).toEqual([large.length, 3]);
    for (const act of [reset, answer(500), answer(404), answer(429)]) {
      [received, script] = [[], [act]];
      const call = request(url, { ...post, body: Readable.from(["tea"]) }).then(
        ({ statusCode }) => statusCode,
        (error: { code: unknown; details: { key: unknown; attempts: unknown } }) => [error.code, error.details],
      );
      const ended = await call;
      expect(received).toHaveLength(1);
      if (typeof ended === "number") expect([404, 429]).toContain(ended);
      else expect(ended).toMatchObject(["ONCE_OUTCOME_UNKNOWN", { attempts: 1, key: received[0]!.key }]);
    }
  });

  test("as the dispatcher of fetch it sends a long text once", async () => {
    const body = "x".repeat(2 * 1024 * 1024);
    const response = await fetch(url, { dispatcher: agent(), method: "POST", body });
    expect(response.status).toBe(200);
    expect(received.map((one) => one.body.length)).toEqual([body.length]);
  });

  test("under retryingFetch the retries don't multiply", async () => {
    const dispatcher = agent({ budget: "off" });
    const inner = ((input: string, init?: RequestInit) => fetch(input, { ...init, dispatcher } as never)) as never;
    script = Array.from({ length: 20 }, () => reset);
    const outer = retryingFetch({ ...fast, budget: "off", fetch: inner });
    await expect(outer(url, { method: "POST", body: "tea" })).rejects.toMatchObject({ code: "ONCE_OUTCOME_UNKNOWN" });
    expect(received).toHaveLength(3);
    expect(new Set(received.map(({ key }) => key)).size).toBe(1);
  });

  test("an error that an interceptor below made of an answer is judged as that answer", async () => {
    const below = (options: RetryInterceptorOptions = {}) =>
      new Agent().compose(interceptors.responseError(), retryInterceptor({ ...fast, ...options }));
    const ended = async (options: RetryInterceptorOptions, ...acts: Act[]) => {
      [received, script] = [[], acts];
      const call = request(url, { dispatcher: below(options), method: "POST", body: "tea" });
      const outcome = await call.then(
        ({ statusCode }) => statusCode,
        ({ code, statusCode, cause }: { code: string; statusCode?: number; cause?: { statusCode: number } }) => [
          code,
          statusCode ?? cause?.statusCode,
        ],
      );
      return [outcome, received.length];
    };
    expect(await ended({}, answer(400))).toEqual([["UND_ERR_RESPONSE", 400], 1]);
    expect(await ended({}, answer(429), answer(503))).toEqual([200, 3]);
    expect(await ended({}, reset, answer(404))).toEqual([["ONCE_OUTCOME_UNKNOWN", 404], 2]);
    expect(await ended({}, answer(500), answer(500), answer(500))).toEqual([["ONCE_OUTCOME_UNKNOWN", 500], 3]);
    expect(await ended({ keys: "off" }, answer(500))).toEqual([["UND_ERR_RESPONSE", 500], 1]);
    expect(await ended({ keys: "off" }, answer(429), answer(404))).toEqual([["UND_ERR_RESPONSE", 404], 2]);
  });

  test("Retry-After is a lower bound, and a longer one than the deadline is answered at once", async () => {
    script = [answer(425, { "Retry-After": "0" }), answer(429, { "Retry-After": "400" })];
    const { statusCode } = await request(url, { dispatcher: agent({ keys: "off" }), method: "POST", body: "tea" });
    expect(statusCode).toBe(429);
    expect(received).toHaveLength(2);
  });

  test("an abort ends the wait for the next attempt at once, even when no connection ever was", async () => {
    const clock = fakeClock();
    for (const target of [url, "http://127.0.0.1:1/"]) {
      script = [reset];
      const scheduled = Promise.withResolvers<void>();
      const onEvent = ({ type }: FetchEvent) => void (type === "retry-scheduled" && scheduled.resolve());
      const dispatcher = agent({ backoff: () => 60_000, clock, onEvent });
      const controller = new AbortController();
      const call = request(target, { dispatcher, method: "POST", body: "tea", signal: controller.signal });
      await scheduled.promise;
      controller.abort(new Error("enough"));
      await expect(call).rejects.toThrow("enough");
      expect(clock.pending).toBe(0);
    }
    expect(received).toHaveLength(1);
  });

  test("an attempt that hangs is cut and repeated, and its connection is not used again", async () => {
    const clock = fakeClock();
    script = [() => void clock.advance(50)];
    const { statusCode } = await request(url, {
      dispatcher: agent({ clock, attemptTimeoutMs: 50, onEvent: skipWaits(clock) }),
      method: "POST",
      body: "tea",
    });
    expect(statusCode).toBe(200);
    expect(received).toHaveLength(2);
    expect(connections).toBeGreaterThan(1);
  });

  test("the deadline cuts a running attempt: the outcome is unknown, and the error has the key", async () => {
    const clock = fakeClock();
    script = [() => void clock.advance(50)];
    const call = request(url, { dispatcher: agent({ clock, timeoutMs: 50 }), method: "POST", body: "tea" });
    await expect(call).rejects.toMatchObject({
      code: "ONCE_OUTCOME_UNKNOWN",
      cause: { code: "ONCE_DEADLINE_EXCEEDED", cause: { code: "ONCE_ATTEMPT_TIMEOUT" } },
      details: { attempts: 1, key: expect.any(String) },
    });
  });

  test("a keyed call in doubt does not fail with a plain failure, unless the response is the stored one", async () => {
    const ending = async (...acts: Act[]) => {
      script = acts;
      const dispatcher = agent({ attemptsMax: 2 });
      return request(url, { dispatcher, method: "POST", body: "tea" }).then(
        async ({ statusCode, body }) => [statusCode, await body.text()],
        (error: { code: unknown; details: { status: unknown } }) => [error.code, error.details.status],
      );
    };
    expect(await ending(reset, answer(503))).toEqual(["ONCE_OUTCOME_UNKNOWN", 503]);
    expect(await ending(reset, answer(402, { "Idempotent-Replayed": "true" }, "declined"))).toEqual([402, "declined"]);
    expect(await ending(answer(503), answer(404))).toEqual(["ONCE_OUTCOME_UNKNOWN", 404]);
    expect(await ending(answer(429, { "Retry-After": "0" }), answer(404, {}, "no"))).toEqual([404, "no"]);
  });

  test("an attempt that waits in a queue until its time is over has sent nothing, and its call says so", async () => {
    script = [hang];
    const single = new Agent({ connections: 1 });
    const queued = single.compose(retryInterceptor({ ...fast, keys: "off", attemptTimeoutMs: 20 }));
    const running = request(url, { dispatcher: single });
    await until(() => received.length === 1);
    const call = request(url, { dispatcher: queued, method: "POST", body: "tea" });
    await expect(call).rejects.toMatchObject({ code: "ONCE_ATTEMPTS_EXHAUSTED", details: { attempts: 3 } });
    expect(received.map(({ body }) => body)).toEqual([""]);
    await Promise.all([single.destroy(), expect(running).rejects.toMatchObject({ code: "UND_ERR_DESTROYED" })]);
  });

  test("failed answers are read to their end: ten retries, few connections", async () => {
    script = Array.from({ length: 10 }, () => answer(503, {}, "x".repeat(10_000)));
    const dispatcher = agent({ attemptsMax: 20, backoff: () => 10, budget: "off" });
    expect((await request(url, { dispatcher, method: "PUT" })).statusCode).toBe(200);
    expect(connections).toBeLessThan(4);
  });

  test("a failed answer that never ends is let go", async () => {
    script = [(response) => void response.writeHead(503).write("x".repeat(200_000))];
    expect((await request(url, { dispatcher: agent(), method: "PUT" })).statusCode).toBe(200);
  });

  test("what comes of an answer once it has begun is the caller's, as it is without an interceptor", async () => {
    script = [
      (response) => {
        response.writeHead(200, { "content-length": "10" }).write("half");
        setTimeout(() => response.socket?.resetAndDestroy(), 20);
      },
    ];
    const { body } = await request(url, { dispatcher: agent(), method: "POST", body: "tea" });
    await expect(body.text()).rejects.toMatchObject({ code: expect.stringMatching(/ECONNRESET|UND_ERR_SOCKET/) });
    expect(received).toHaveLength(1);
    const { body: unread } = await request(url, { dispatcher: agent() });
    unread.on("error", () => undefined).destroy();
    let text = "";
    await stream(url, { dispatcher: agent(), method: "GET" }, () => {
      return new Writable({ write: (chunk, _encoding, done) => done(void (text += chunk)) });
    });
    expect(text).toBe("status 200");
  });

  test("a fetch that follows a redirect, and an upgrade, go their way", async () => {
    script = [answer(307, { location: url })];
    const response = await fetch(url, { dispatcher: agent(), method: "POST", body: "tea" });
    expect([response.status, await response.text()]).toEqual([200, "status 200"]);
    server.on("connect", (_request, socket) => socket.end("HTTP/1.1 200 OK\r\n\r\nhello"));
    const { socket } = await agent().connect({ origin: new URL(url).origin, path: "example.com:80" });
    expect((await buffer(socket)).toString()).toBe("hello");
  });

  test("an unkeyed POST is not repeated on the word of a server to which it was redirected", async () => {
    const dispatcher = new Agent().compose(
      interceptors.redirect({ maxRedirections: 3 }),
      retryInterceptor({ ...fast, keys: "off" }),
    );
    script = [answer(307, { location: `${url}&moved` }), answer(429)];
    expect((await request(url, { dispatcher, method: "POST", body: "tea" })).statusCode).toBe(429);
    expect(received).toHaveLength(2);
  });

  test("a dispatcher that was closed ends the call at once, and a throwing backoff does", async () => {
    const closed = new Agent();
    const dispatcher = closed.compose(retryInterceptor(fast));
    await closed.close();
    await expect(request(url, { dispatcher })).rejects.toMatchObject({ code: "UND_ERR_DESTROYED" });
    script = [answer(503)];
    const broken = agent({
      backoff: () => {
        throw new Error("no idea");
      },
    });
    await expect(request(url, { dispatcher: broken })).rejects.toThrow("no idea");
  });

  test("an empty budget denies retries, and successes fund it", async () => {
    const asked: string[] = [];
    const budget = { tryTake: () => asked.push("take") > 99, onSuccess: () => void asked.push("success") };
    script = [answer(503)];
    expect((await request(url, { dispatcher: agent({ budget }) })).statusCode).toBe(503);
    expect((await request(url, { dispatcher: agent({ budget }) })).statusCode).toBe(200);
    expect(asked).toEqual(["take", "success"]);
  });

  test("its events are those of retryingFetch", async () => {
    const eventsOf = async (send: (onEvent: (event: FetchEvent) => void) => Promise<unknown>) => {
      const events: FetchEvent[] = [];
      script = [answer(425, { "Retry-After": "0" }), answer(429, { "Retry-After": "0" }), answer(404)];
      await send((event) => events.push(event));
      expect(new Set(events.map(({ call }) => call)).size).toBe(1);
      return events.map((event) => ({ ...event, call: undefined, key: typeof event.key, elapsedMs: 0, delayMs: 0 }));
    };
    const ours = await eventsOf((onEvent) =>
      request(url, { dispatcher: agent({ onEvent }), method: "POST", body: "tea" }),
    );
    const fetched = await eventsOf((onEvent) =>
      retryingFetch({ ...fast, onEvent })(url, { method: "POST", body: "tea" }),
    );
    expect(ours).toEqual(fetched);
    expect(ours.map(({ type }) => type)).toContain("retry-denied");
  });
});

test("a call under way keeps no timer when it has ended", async () => {
  const clock = fakeClock();
  const dispatcher = new undici8.Agent().compose(retryInterceptor({ clock }));
  await Promise.all(Array.from({ length: 20 }, () => undici8.request(url, { dispatcher })));
  expect(clock.pending).toBe(0);
});
