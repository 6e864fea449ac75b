import { once } from "node:events";
import { createServer, type IncomingHttpHeaders } from "node:http";
import * as fc from "fast-check";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { retry } from "../retry/index.ts";
import { readAttempt, writeAttempt } from "./attempt-headers.ts";
import { retryingFetch } from "./retrying-fetch.ts";

const names = { number: "X-Attempt", remainingMs: "X-Remaining-Ms" };
const fast = { attemptsMax: 3, backoff: () => 1 };
const post = { method: "POST", body: "one" };

/** The server's next actions: a status, or cutting the connection. When nothing is left it answers 200. */
let script: Array<number | "cut"> = [];
let received: IncomingHttpHeaders[] = [];
let url = "";

const server = createServer((request, response) => {
  received.push(request.headers);
  const next = script.shift() ?? 200;
  if (next === "cut") request.socket.resetAndDestroy();
  else response.writeHead(next).end();
});

beforeAll(async () => {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  url = `http://127.0.0.1:${(server.address() as { port: number }).port}/orders`;
});

afterAll(() => {
  server.closeAllConnections();
  server.close();
});

beforeEach(() => {
  [script, received] = [[], []];
});

test("attempts tell their number and the time that is left, where the headers have names", async () => {
  script = [503, 503];
  await retryingFetch({ ...fast, keys: true, timeoutMs: 60_000, attemptHeaders: names })(url, post);
  expect(received.map((headers) => headers["x-attempt"])).toEqual(["1", "2", "3"]);
  const left = received.map((headers) => Number(headers["x-remaining-ms"]));
  expect(left.every((ms) => Number.isInteger(ms) && ms > 0 && ms <= 60_000)).toBe(true);
  expect(left).toEqual(left.toSorted((one, other) => other - one));

  received = [];
  await retryingFetch({ ...fast, keys: true, attemptHeaders: { number: "X-Attempt" } })(url, post);
  await retryingFetch({ ...fast, keys: true })(url, post);
  expect(received.map((headers) => [headers["x-attempt"], headers["x-remaining-ms"]])).toEqual([
    ["1", undefined],
    [undefined, undefined],
  ]);
});

test("what is written is read back", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1 }),
      fc.option(fc.double({ min: 0, max: 1e12, noNaN: true }), { nil: undefined }),
      (number, remainingMs) => {
        const headers = new Headers();
        writeAttempt(headers, names, { number, remainingMs });
        expect(readAttempt(headers, names)).toEqual({
          number,
          remainingMs: remainingMs === undefined ? undefined : Math.floor(remainingMs),
        });
      },
    ),
  );
});

test.each(["", "0", "-1", "1.5", "one", "1e3", "9".repeat(16)])("an attempt number of %j is ignored", (value) => {
  expect(readAttempt(new Headers({ "X-Attempt": value }), names)).toBeUndefined();
});

test("a call within an attempt is made once, and its failure is the retry's around it", async () => {
  script = ["cut", 503, 200];
  const inner = retryingFetch({ ...fast, keys: true, attemptHeaders: names });
  const headers = { "Idempotency-Key": "mine" };
  const response = await retry((attempt) => inner(url, { ...post, headers, within: attempt }), {
    ...fast,
    decide: (outcome) => ("value" in outcome && outcome.value.ok ? { action: "done" } : { action: "retry" }),
  });
  expect(response.status).toBe(200);
  expect(received.map((each) => [each["x-attempt"], each["idempotency-key"]])).toEqual([
    ["1", "mine"],
    ["2", "mine"],
    ["3", "mine"],
  ]);
});

test("retries within retries multiply; with `within` they do not", async () => {
  const layers = async (isNested: boolean): Promise<number> => {
    [script, received] = [Array.from({ length: 9 }, () => 503), []];
    const inner = retryingFetch({ ...fast, keys: true, budget: "off" });
    const decide = () => ({ action: "retry" }) as const;
    await retry((attempt) => inner(url, isNested ? { within: attempt } : {}), { ...fast, decide });
    return received.length;
  };
  expect(await layers(false)).toBe(9);
  expect(await layers(true)).toBe(3);
});

test("within an attempt no key is made, and an unkeyed POST without a response is not repeated around it", async () => {
  script = ["cut"];
  const inner = retryingFetch({ ...fast, keys: true });
  const call = retry((attempt) => inner(url, { ...post, within: attempt }), fast);
  await expect(call).rejects.toMatchObject({ code: "ONCE_OUTCOME_UNKNOWN" });
  expect(received.map((headers) => headers["idempotency-key"])).toEqual([undefined]);
});

test("the outer attempt's time and abort end the call", async () => {
  const { signal } = new AbortController();
  const inner = retryingFetch({ ...fast, keys: true, attemptHeaders: names });
  await inner(url, { signal, within: { number: 4, remainingMs: 1500 } });
  expect(received[0]?.["x-attempt"]).toBe("4");
  expect(Number(received[0]?.["x-remaining-ms"])).toBeLessThanOrEqual(1500);
  const within = { number: 1, signal: AbortSignal.abort("enough") };
  await expect(inner(url, { signal, within })).rejects.toBe("enough");
  await expect(inner(url, { within: { number: 1, remainingMs: 0 } })).rejects.toMatchObject({
    code: "ONCE_ATTEMPT_TIMEOUT",
  });
});

test("a name that no header can have is refused", () => {
  const refused = expect.objectContaining({ code: "ONCE_OPTION_INVALID" });
  expect(() => retryingFetch({ attemptHeaders: { number: "two words" } })).toThrow(refused);
  expect(() => retryingFetch({ attemptHeaders: { remainingMs: "" } })).toThrow(refused);
});
