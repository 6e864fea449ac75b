import { createServer, type RequestListener } from "node:http";
import { text } from "node:stream/consumers";
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { retryingFetch } from "../../packages/once-again/src/client/index.ts";
import type { RetryingFetchOptions } from "../../packages/once-again/src/client/fetch-options.ts";
import { OnceAgainError } from "../../packages/once-again/src/core/errors.ts";
import { onceNode } from "../../packages/once-again/src/frameworks/node.ts";
import { memoryStore } from "../../packages/once-again/src/stores/memory/index.ts";
import { type Fault, flakyNetwork } from "../../packages/testing/src/index.ts";
import { closed, closedPort, listening, portOf } from "./origin.ts";

// The promise of the whole, on real connections: caller, flaky network, server, store.

const pass: Fault = { scenario: "pass" };
const faults: readonly Fault[] = [
  { scenario: "lose-request" },
  { scenario: "lose-request", manner: "silence" },
  { scenario: "lose-answer" },
  { scenario: "lose-answer", manner: "silence" },
  { scenario: "fail" },
];

/** The fates of the attempts to come; when none is left, they pass. */
let script: Fault[] = [];

/** Serves behind a network that follows the script while `use` runs. */
async function behindNetwork(serve: RequestListener, use: (url: string) => Promise<void>): Promise<void> {
  const server = createServer(serve);
  await listening(server);
  try {
    await using network = await flakyNetwork({
      upstream: { port: portOf(server) },
      plan: () => script.shift() ?? pass,
    });
    await use(`${network.url}/orders`);
  } finally {
    server.closeAllConnections();
    await closed(server);
  }
}

const impatient: RetryingFetchOptions = { backoff: () => 0, budget: "off", attemptTimeoutMs: 50, attemptsMax: 3 };

/** The status of the answer, or the code of the error. */
async function endOf(call: Promise<Response>): Promise<number | string> {
  return call.then(
    async (response) => {
      await response.text();
      return response.status;
    },
    (error: unknown) => (OnceAgainError.isInstance(error) ? error.code : "fetch failed"),
  );
}

test("a POST has exactly one effect, or asking again with its key gives it exactly one", async () => {
  const effects = new Map<string, number>();
  const orders = onceNode({ store: memoryStore(), scope: "public" }, (_request, response, { body }) => {
    const order = body.toString();
    effects.set(order, (effects.get(order) ?? 0) + 1);
    response.writeHead(201).end(`made ${order}`);
  });
  let key: string | undefined;
  const once = retryingFetch({ ...impatient, keys: true, onEvent: (event) => (key = event.key) });
  const later = retryingFetch({ keys: true });
  let made = 0;

  await behindNetwork(
    (request, response) => void orders(request, response),
    async (url) => {
      const property = fc.asyncProperty(fc.array(fc.constantFrom(pass, ...faults), { maxLength: 6 }), async (fates) => {
        made += 1;
        const body = `order ${made}`;
        script = [...fates];
        const end = await endOf(once(url, { method: "POST", body }));
        const count = effects.get(body) ?? 0;
        expect(count).toBeLessThanOrEqual(1);
        if (end === 201) expect(count).toBe(1);
        if (typeof end === "string" && end !== "ONCE_OUTCOME_UNKNOWN") expect(count).toBe(0);

        script = [];
        const answer = await later(url, { method: "POST", body, headers: { "idempotency-key": key ?? "" } });
        expect([answer.status, await answer.text()]).toEqual([201, `made ${body}`]);
        expect(effects.get(body)).toBe(1);
      });
      await fc.assert(property, { numRuns: 100 });
    },
  );
});

/** The fate of an attempt without a key: the server can't be reached, it turns the attempt away, or the network. */
type Fate = "refused" | "turned away" | Fault;

test("a POST without a key is sent again only when the attempt before had no effect", async () => {
  /** The attempts of each order that the server saw. */
  const seen = new Map<string, string[]>();
  let turnAway = false;
  const serve: RequestListener = async (request, response) => {
    const order = await text(request).catch(() => undefined);
    if (order === undefined) return;
    seen.get(order)?.push(turnAway ? "turned away" : "effect");
    response.writeHead(turnAway ? 429 : 201).end();
  };
  let attemptsAfterTheFirst = 0;

  await behindNetwork(serve, async (url) => {
    const nowhere = `http://127.0.0.1:${await closedPort()}`;
    let fates: Fate[] = [];
    const unkeyed = retryingFetch({
      ...impatient,
      attemptsMax: 6,
      keys: "off",
      async fetch(_input, init) {
        const fate = fates.shift() ?? pass;
        turnAway = fate === "turned away";
        script = typeof fate === "string" ? [] : [fate];
        return fetch(fate === "refused" ? nowhere : url, init);
      },
      onEvent: (event) => (attemptsAfterTheFirst += Number(event.type === "retry-scheduled")),
    });
    const fate = fc.oneof(fc.constantFrom<Fate>("refused", "turned away"), fc.constantFrom<Fate>(pass, ...faults));
    const property = fc.asyncProperty(fc.array(fate, { maxLength: 5 }), async (drawn) => {
      const body = `order ${seen.size}`;
      const sightings: string[] = [];
      seen.set(body, sightings);
      fates = [...drawn];
      const end = await endOf(unkeyed(url, { method: "POST", body }));
      // Whatever the server saw before the last attempt, it had turned away.
      expect(sightings.slice(0, -1)).not.toContain("effect");
      if (end === 201) expect(sightings.at(-1)).toBe("effect");
      if (end !== 201 && end !== "ONCE_OUTCOME_UNKNOWN") expect(sightings).not.toContain("effect");
    });
    await fc.assert(property, { numRuns: 100 });
  });
  expect(attemptsAfterTheFirst).toBeGreaterThan(0);
});
