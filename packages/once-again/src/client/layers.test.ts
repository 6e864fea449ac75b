import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { text } from "node:stream/consumers";
import * as fc from "fast-check";
import { afterEach, beforeEach, expect, test } from "vitest";
import { until } from "../../../../test/support/until.ts";
import { OnceAgainError } from "../core/errors.ts";
import { type AnyLayer, circuitBreaker, concurrencyLimit, hedge } from "../retry/layers/index.ts";
import { fakeClock } from "../../../testing/src/fake-clock.ts";
import { retryingFetch } from "./retrying-fetch.ts";

type Act = (response: ServerResponse, request: IncomingMessage) => void;

const answer =
  (status: number, headers: Record<string, string> = {}): Act =>
  (response) =>
    response.writeHead(status, headers).end(`status ${status}`);
const hang: Act = () => {};
const reset: Act = (response) => response.socket?.resetAndDestroy();

/** A server that answers as its script says, and then with 200. */
async function scriptedServer() {
  const keys: Array<string | string[] | undefined> = [];
  const script: Act[] = [];
  const server = createServer(async (request, response) => {
    keys.push(request.headers["idempotency-key"]);
    // A hedge that lost may take its request back half-way.
    await text(request).catch(() => undefined);
    (script.shift() ?? answer(200))(response, request);
  });
  let connections = 0;
  server.on("connection", () => (connections += 1));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    keys,
    script,
    url: `http://127.0.0.1:${(server.address() as { port: number }).port}/orders`,
    connections: () => connections,
    close() {
      server.closeAllConnections();
      server.close();
    },
  };
}

let server: Awaited<ReturnType<typeof scriptedServer>>;

beforeEach(async () => {
  server = await scriptedServer();
});

afterEach(() => server.close());

const fast = { attemptsMax: 3, keys: true as const, backoff: () => 1 };
const post = { method: "POST", body: "one" };

test("what makes no list of layers is refused with a sentence, and nothing is sent", async () => {
  const refused = { code: "ONCE_OPTION_INVALID", details: { option: "layers" } };
  const sentence = /^layers must be a function that returns a list, such as/;
  for (const layers of [[circuitBreaker()], circuitBreaker(), "breaker", 1]) {
    if (typeof layers !== "function") expect(() => retryingFetch({ layers: layers as never })).toThrow(sentence);
    if (Array.isArray(layers)) continue;
    const made = retryingFetch({ layers: (() => layers) as never })(server.url);
    await expect(made).rejects.toMatchObject({ ...refused, message: expect.stringMatching(sentence) });
  }
  await expect(retryingFetch({ layers: () => [undefined as never] })(server.url)).rejects.toMatchObject(refused);
  expect(server.keys).toEqual([]);
});

test("layers stand between the retries and the network, made once for each origin, with its budget", async () => {
  const other = await scriptedServer();
  const places: unknown[] = [];
  const met: Array<[string, number]> = [];
  const layered = retryingFetch({
    ...fast,
    layers({ origin, budget }) {
      places.push([origin, typeof budget?.tryTake]);
      const noting: AnyLayer = (next) => (attempt) => {
        met.push([origin, attempt.number]);
        return next(attempt);
      };
      return [noting];
    },
  });
  server.script.push(answer(503));
  for (const { url } of [server, server, other]) expect((await layered(url)).status).toBe(200);
  other.close();
  const [first, second] = [new URL(server.url).origin, new URL(other.url).origin];
  expect(places).toEqual([
    [first, "function"],
    [second, "function"],
  ]);
  expect(met).toEqual([
    [first, 1],
    [first, 2],
    [first, 1],
    [second, 1],
  ]);
});

test("an open breaker is waited for, and the request goes out when it lets a probe through", async () => {
  const clock = fakeClock();
  const layers = (): AnyLayer[] => [circuitBreaker({ clock, callsMin: 1, openMs: 7000 })];
  const delays = Promise.withResolvers<number>();
  server.script.push(answer(500));
  const call = retryingFetch({
    ...fast,
    clock,
    layers,
    onEvent(event) {
      if (event.type === "retry-scheduled" && event.attempt === 1) void clock.advance(event.delayMs);
      if (event.type === "retry-scheduled" && event.attempt === 2) delays.resolve(event.delayMs);
    },
  })(server.url, post);
  const delayMs = await delays.promise;
  expect(delayMs).toBeGreaterThanOrEqual(6999);
  expect(server.keys).toHaveLength(1);
  await clock.advance(delayMs);
  expect((await call).status).toBe(200);
  expect(new Set(server.keys).size).toBe(1);
});

test("a breaker that stays open beyond the deadline ends the call, without effect, and says when to come back", async () => {
  const clock = fakeClock();
  const layers = (): AnyLayer[] => [circuitBreaker({ clock, callsMin: 1, openMs: 60_000 })];
  const layered = retryingFetch({ ...fast, clock, keys: "off", timeoutMs: 5000, layers });
  server.script.push(answer(500));
  expect((await layered(server.url, post)).status).toBe(500);
  const error = await layered(server.url, post).catch((error: unknown) => error);
  expect(error).toMatchObject({ code: "ONCE_DEADLINE_EXCEEDED", cause: { code: "ONCE_CIRCUIT_OPEN" } });
  expect((error as { details: { retryAt: number } }).details.retryAt).toBeGreaterThan(50_000);
  expect(server.keys).toHaveLength(1);
});

test("an unkeyed POST that was cut while it queued never left: it is sent after all", async () => {
  const limit = concurrencyLimit({ runningMax: 1 });
  const options = { ...fast, keys: "off", layers: () => [limit] } as const;
  const release = Promise.withResolvers<void>();
  server.script.push((response) => void release.promise.then(() => response.end()));
  const running = retryingFetch(options)(server.url, post);
  await until(() => server.keys.length === 1);
  const clock = fakeClock();
  const queued = retryingFetch({
    ...options,
    clock,
    attemptTimeoutMs: 50,
    onEvent(event) {
      if (event.type !== "retry-scheduled") return;
      release.resolve();
      void clock.advance(event.delayMs);
    },
  })(server.url, post);
  await until(() => clock.pending > 0);
  await clock.advance(50);
  expect([(await running).status, (await queued).status]).toEqual([200, 200]);
  expect(server.keys).toHaveLength(2);
});

test("a slow POST with a key is hedged with the same key, and one without is not", async () => {
  const clock = fakeClock();
  const layers = (): AnyLayer[] => [hedge({ clock, delayMs: 20 })];
  server.script.push(() => void clock.advance(20));
  expect((await retryingFetch({ ...fast, clock, layers })(server.url, post)).status).toBe(200);
  expect(server.keys).toHaveLength(2);
  expect(new Set(server.keys).size).toBe(1);

  server.script.push(() => void clock.advance(200));
  const call = retryingFetch({ ...fast, clock, keys: "off", attemptTimeoutMs: 200, layers })(server.url, post);
  await expect(call).rejects.toMatchObject({ code: "ONCE_OUTCOME_UNKNOWN" });
  expect(server.keys).toHaveLength(3);
});

test("the answer of a hedge can be read to its end, whatever becomes of the others", async () => {
  server.script.push(hang, (response) => {
    response.writeHead(200).write("first half, ");
    setTimeout(() => response.end("second half"), 50);
  });
  const response = await retryingFetch({ ...fast, layers: () => [hedge({ delayMs: 20 })] })(server.url);
  expect(await response.text()).toBe("first half, second half");
});

test("a lost answer behind a layer that shows another failure leaves the outcome unknown", async () => {
  const masking: AnyLayer = (next) => async (attempt) => {
    try {
      return await next(attempt);
    } catch {
      throw new OnceAgainError("ONCE_THROTTLED", "test");
    }
  };
  server.script.push(reset, reset, reset);
  const call = retryingFetch({ ...fast, layers: () => [masking] })(server.url, post);
  await expect(call).rejects.toMatchObject({ code: "ONCE_OUTCOME_UNKNOWN" });
});

test("whatever happens to hedged and limited attempts, a keyed POST has exactly one effect", async () => {
  const effects = new Set<string>();
  /** Has the effect of a key that is new, and then answers as scripted. */
  const act =
    (after: Act): Act =>
    (response, request) => {
      effects.add(`order ${request.headers["x-order"]} by ${request.headers["idempotency-key"]}`);
      after(response, request);
    };
  const fault = fc.constantFrom<Act>(reset, act(reset), act(hang), answer(503), act(answer(504)), act(answer(200)));
  const layered = retryingFetch({
    keys: true,
    // More than any script can use up, however slow the machine is: only what hangs is cut by its time.
    attemptsMax: 1000,
    attemptTimeoutMs: 100,
    backoff: () => 0,
    budget: "off",
    layers: () => [
      circuitBreaker({ callsMin: 3, openMs: 1 }),
      concurrencyLimit({ runningMax: 1 }),
      hedge({ delayMs: 1, hedgesMax: 2 }),
    ],
  });
  let order = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(fault, { maxLength: 6 }), async (faults) => {
      order += 1;
      server.script.splice(0, Infinity, ...faults, ...Array.from({ length: 4000 }, () => act(answer(200))));
      const call = layered(server.url, { ...post, headers: { "x-order": String(order) } });
      expect((await call).status).toBe(200);
      // A hedge that lost may still arrive while the next order is under way.
      expect([...effects].filter((effect) => effect.startsWith(`order ${order} `))).toHaveLength(1);
    }),
    { numRuns: 60, verbose: true },
  );
});

test("hedges are paid for by the budget of their origin", async () => {
  const layered = retryingFetch({
    ...fast,
    attemptsMax: 1,
    layers: ({ budget }) => [hedge({ delayMs: 0, hedgesMax: 10, budget: budget! })],
  });
  // 100 tokens, and each call may take 10.
  server.script.push(...Array.from({ length: 200 }, () => hang));
  const ended = new AbortController();
  const calls = Array.from({ length: 12 }, () => layered(server.url, { signal: ended.signal }).catch(() => undefined));
  await until(() => server.keys.length === 112);
  // One more would have been asked for by now, since all of them are asked for at once.
  await new Promise((resolve) => setTimeout(resolve, 20));
  ended.abort();
  await Promise.all(calls);
  expect(server.keys).toHaveLength(112);
});

test("100 retries use one connection, also where their answers last longer than the waits", async () => {
  server.script.push(
    ...Array.from({ length: 100 }, () => (response: ServerResponse) => {
      response.writeHead(503).write("first part");
      setTimeout(() => response.end("second part"), 1);
    }),
  );
  const patient = retryingFetch({ keys: true, attemptsMax: 101, backoff: () => 0, budget: "off" });
  expect((await patient(server.url, post)).status).toBe(200);
  expect(server.keys).toHaveLength(101);
  expect(server.connections()).toBe(1);
});

test("Retry-After: 2147484, more than a timer can wait, is waited for", async () => {
  const clock = fakeClock();
  server.script.push(answer(503, { "Retry-After": "2147484" }));
  const scheduled = Promise.withResolvers<void>();
  const call = retryingFetch({
    ...fast,
    clock,
    timeoutMs: 1e12,
    onEvent: (event) => event.type === "retry-scheduled" && scheduled.resolve(),
  })(server.url, post);
  await scheduled.promise;
  await clock.advance(2_147_483_999);
  expect(server.keys).toHaveLength(1);
  await clock.advance(2);
  expect((await call).status).toBe(200);
});

test.each([
  { RateLimit: '"default";r=0;t=7' },
  { "RateLimit-Remaining": "0", "RateLimit-Reset": "7" },
  { "X-RateLimit-Reset": "7" },
])("%o is a lower bound for the wait", async (headers) => {
  const clock = fakeClock();
  server.script.push(answer(429, headers));
  const delay = Promise.withResolvers<number>();
  const call = retryingFetch({
    ...fast,
    clock,
    onEvent: (event) => event.type === "retry-scheduled" && delay.resolve(event.delayMs),
  })(server.url, post);
  const delayMs = await delay.promise;
  expect(delayMs).toBeGreaterThanOrEqual(7000);
  expect(delayMs).toBeLessThanOrEqual(7001);
  await clock.advance(delayMs);
  expect((await call).status).toBe(200);
});
