import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import Anthropic from "@anthropic-ai/sdk";
import OpenAI from "openai";
import Stripe from "stripe";
import { expect, onTestFinished, test } from "vitest";
import { anthropic, openai, stripe } from "../../examples/guides/sdks.ts";
import { OnceAgainError } from "../../packages/once-again/src/core/errors.ts";
import { retryingFetch } from "../../packages/once-again/src/client/index.ts";
import type { RetryingFetchOptions } from "../../packages/once-again/src/client/fetch-options.ts";

/** The fault of one request, after its effect or before. */
type Fault = "reset" | "reset after" | "500 after" | "hang after" | "429" | "402";
const faults: readonly Exclude<Fault, "402">[] = ["reset", "reset after", "500 after", "hang after", "429"];

const bodies: Record<string, object> = {
  "/v1/charges": { id: "ch_1", object: "charge", amount: 420 },
  "/chat/completions": { id: "c", object: "chat.completion", choices: [] },
  "/v1/messages": { id: "m", type: "message", content: [] },
};

/** A server that has one effect for each key (and one for each request without), and does as its script says. */
async function faultyServer(honoursKeys: boolean) {
  const script: Fault[] = [];
  const [effects, keys, retries] = [new Set<string>(), new Set<string>(), [] as string[]];
  let requests = 0;
  const act = (fault: Fault | undefined, request: IncomingMessage, response: ServerResponse): unknown => {
    const { "idempotency-key": key, "x-stainless-retry-count": retry = "" } = request.headers;
    requests += 1;
    retries.push(String(retry));
    if (key !== undefined) keys.add(String(key));
    if (fault === "reset") return request.socket.resetAndDestroy();
    if (fault === "429") return response.writeHead(429).end('{"error":{"message":"no"}}');
    if (fault === "402") {
      response.writeHead(402, { "content-type": "application/json" });
      return response.end('{"error":{"type":"card_error","code":"card_declined","message":"declined"}}');
    }
    effects.add(honoursKeys && key !== undefined ? String(key) : `request ${requests}`);
    if (fault === "reset after") return request.socket.resetAndDestroy();
    if (fault === "500 after") return response.writeHead(500).end('{"error":{"message":"no"}}');
    if (fault === "hang after") return undefined;
    response.writeHead(200, { "content-type": "application/json" });
    return response.end(JSON.stringify(bodies[request.url ?? ""] ?? {}));
  };
  const server = createServer(async (request, response) => {
    await text(request).catch(() => "");
    act(script.shift(), request, response);
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  return { port, script, effects, keys, retries, requests: () => requests };
}

interface Sdk {
  /** `retries`: how many retries the SDK makes itself. */
  readonly call: (port: number, options: RetryingFetchOptions, retries: number) => Promise<unknown>;
  readonly honoursKeys: boolean;
}

const sdks: Record<string, Sdk> = {
  stripe: {
    honoursKeys: true,
    call: (port, options, retries) =>
      new Stripe("sk_test_none", {
        httpClient: Stripe.createFetchHttpClient(retryingFetch(options)),
        maxNetworkRetries: retries,
        host: "127.0.0.1",
        port,
        protocol: "http",
        telemetry: false,
      }).charges.create({ amount: 420, currency: "eur" }),
  },
  openai: {
    honoursKeys: false,
    call: (port, options, retries) =>
      new OpenAI({
        apiKey: "none",
        baseURL: `http://127.0.0.1:${port}`,
        fetch: retryingFetch(options),
        maxRetries: retries,
      }).chat.completions.create({ model: "m", messages: [{ role: "user", content: "hi" }] }),
  },
  anthropic: {
    honoursKeys: false,
    call: (port, options, retries) =>
      new Anthropic({
        apiKey: "none",
        baseURL: `http://127.0.0.1:${port}`,
        fetch: retryingFetch(options),
        maxRetries: retries,
      }).messages.create({ model: "m", max_tokens: 1, messages: [{ role: "user", content: "hi" }] }),
  },
};

const quick: RetryingFetchOptions = { backoff: () => 0, attemptTimeoutMs: 150, budget: "off" };

test.each(Object.keys(sdks).flatMap((sdk) => faults.map((fault): [string, Fault] => [sdk, fault])))(
  "%s, set up as the guide says, meets %s on every attempt: one effect at most, one key, five requests at most",
  async (name, fault) => {
    const { call, honoursKeys } = sdks[name]!;
    const server = await faultyServer(honoursKeys);
    server.script.push(...Array.from({ length: 20 }, () => fault));
    await expect(call(server.port, { ...quick, keys: honoursKeys ? true : "off" }, 0)).rejects.toThrow();
    expect(server.effects.size).toBe(fault.includes("after") ? 1 : 0);
    expect(server.keys.size).toBe(honoursKeys ? 1 : 0);
    expect(server.requests()).toBeLessThanOrEqual(5);
  },
);

test.each(faults)("stripe, set up as the guide says, gets its answer after one %s", async (fault) => {
  const server = await faultyServer(true);
  server.script.push(fault);
  await expect(sdks["stripe"]!.call(server.port, { ...quick, keys: true }, 0)).resolves.toMatchObject({ id: "ch_1" });
  expect([server.effects.size, server.keys.size, server.requests()]).toEqual([1, 1, 2]);
});

test.each(["openai", "anthropic"])("%s with its own retries on gets one attempt for each of those", async (name) => {
  const server = await faultyServer(false);
  server.script.push(...Array.from({ length: 40 }, (): Fault => "429"));
  await expect(sdks[name]!.call(server.port, { ...quick, attemptsMax: 3 }, 2)).rejects.toThrow();
  expect(server.retries).toEqual(["0", "0", "0", "1", "2"]);
});

test.each(Object.keys(sdks))("%s passes on what the server says, after one request", async (name) => {
  const { call, honoursKeys } = sdks[name]!;
  const server = await faultyServer(honoursKeys);
  server.script.push("402");
  const error: unknown = await call(server.port, quick, 0).catch((caught: unknown) => caught);
  expect(error).toMatchObject({
    ...(name === "stripe" ? { statusCode: 402, code: "card_declined" } : { status: 402 }),
  });
  expect(String(error)).toContain("declined");
  expect(server.requests()).toBe(1);
});

test.each(Object.keys(sdks))("%s wraps our error where the outcome is unknown", async (name) => {
  const { call, honoursKeys } = sdks[name]!;
  const server = await faultyServer(honoursKeys);
  server.script.push(...Array.from({ length: 20 }, (): Fault => "reset after"));
  const keys = honoursKeys ? true : "off";
  const error: unknown = await call(server.port, { ...quick, keys }, 0).catch((caught: unknown) => caught);
  expect(OnceAgainError.isInstance(error)).toBe(false);
  expect(codesIn(error)).toContain("ONCE_OUTCOME_UNKNOWN");
});

/** The codes of an error and of what it hides. */
function codesIn(error: unknown): unknown[] {
  if (typeof error !== "object" || error === null) return [];
  const { code, cause, detail } = error as { code?: unknown; cause?: unknown; detail?: unknown };
  return [code, ...codesIn(cause), ...codesIn(detail)];
}

test("the clients of the guide, examples/guides/sdks.ts, leave all retries to us", () => {
  expect([stripe.getMaxNetworkRetries(), openai.maxRetries, anthropic.maxRetries]).toEqual([0, 0, 0]);
});
