import { once } from "node:events";
import { createServer } from "node:http";
import { text } from "node:stream/consumers";
import * as fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { retryingFetch } from "./retrying-fetch.ts";

/** The faults of one attempt. */
const faults = [
  "lost request",
  "lost answer",
  "broken status line",
  "in progress",
  "bad gateway",
  "overloaded",
] as const;
type Fault = (typeof faults)[number] | "none";

/** The faults of the attempts to come; when none is left the server works. */
let script: Fault[] = [];
/** Every effect that happened, by its order. The server honours keys: an effect happens when its key is new. */
let effects: string[] = [];
const results = new Map<string, string>();

const server = createServer(async (request, response) => {
  const fault = script.shift() ?? "none";
  const order = await text(request);
  if (fault === "lost request") return void request.socket.resetAndDestroy();
  if (fault === "in progress") return void response.writeHead(409, { "Retry-After": "0" }).end();
  if (fault === "overloaded") return void response.writeHead(503).end("try later");

  const key = String(request.headers["idempotency-key"]);
  if (!results.has(key)) {
    effects.push(order);
    results.set(key, `order ${effects.length}`);
  }
  if (fault === "lost answer") return void request.socket.destroy();
  if (fault === "broken status line") return void request.socket.end("HTTP/1.1 2");
  if (fault === "bad gateway") return void response.writeHead(502).end("<h1>Bad gateway</h1>");
  response.writeHead(201).end(results.get(key));
});
let url = "";

beforeAll(async () => {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  url = `http://127.0.0.1:${(server.address() as { port: number }).port}/orders`;
});

afterAll(() => {
  server.closeAllConnections();
  server.close();
});

test("whatever happens to the first attempts, a keyed POST has exactly one effect, and its answer arrives", async () => {
  const persistent = retryingFetch({ keys: true, attemptsMax: 7, backoff: () => 0, budget: "off" });
  let order = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(fc.constantFrom<Fault>(...faults), { maxLength: 6 }), async (faultScript) => {
      order += 1;
      [script, effects] = [[...faultScript], []];
      const response = await persistent(url, { method: "POST", body: `order ${order}` });
      expect([response.status, await response.text()]).toEqual([201, "order 1"]);
      expect(effects).toEqual([`order ${order}`]);
    }),
    { numRuns: 200 },
  );
});

test("however a keyed POST ends, it has at most one effect, and none without saying so", async () => {
  const impatient = retryingFetch({ keys: true, attemptsMax: 3, backoff: () => 0, budget: "off" });
  await fc.assert(
    fc.asyncProperty(fc.array(fc.constantFrom<Fault>(...faults), { maxLength: 5 }), async (faultScript) => {
      [script, effects] = [[...faultScript], []];
      const ended = await impatient(url, { method: "POST", body: "order" }).then(
        (response) => response.text().then(() => response.status),
        (error: { code: string }) => error.code,
      );
      expect(effects.length).toBeLessThanOrEqual(1);
      expect(ended).not.toBe("ONCE_ATTEMPTS_EXHAUSTED");
      expect(effects.length === 1 || ended !== 201).toBe(true);
    }),
    { numRuns: 100 },
  );
});
