import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import Anthropic from "@anthropic-ai/sdk";
import OpenAI from "openai";
import Stripe from "stripe";
import { expect, onTestFinished, test } from "vitest";
import { retryingFetch } from "../../packages/once-again/src/client/index.ts";
import type { RetryingFetchOptions } from "../../packages/once-again/src/client/fetch-options.ts";
import { flakyNetwork, randomFaults } from "../../packages/testing/src/index.ts";
import { seededRandom } from "../../packages/once-again/src/core/random.ts";

// Official SDKs, set up as docs/guides/sdks.md says, behind a network that loses and fails half of what it carries.

const calls = 100;
const attemptsMax = 5;
// The waits of the guide would make this a test of minutes. No fault is silent, so no time-out decides anything.
const quick: RetryingFetchOptions = { backoff: () => 0, budget: "off", attemptsMax };

/** A server that knows which call a request is of by its body, and has one effect for each key. */
async function countingServer() {
  const [requests, effects, keys] = [
    new Map<string, number>(),
    new Map<string, number>(),
    new Map<string, Set<string>>(),
  ];
  const seen = new Set<string>();
  const add = (counts: Map<string, number>, call: string): unknown => counts.set(call, (counts.get(call) ?? 0) + 1);
  const server = createServer(async (request, response) => {
    const body = await text(request).catch(() => undefined);
    if (body === undefined) return;
    const call = /call-\d+/.exec(body)![0];
    const key = request.headers["idempotency-key"]?.toString();
    add(requests, call);
    if (key !== undefined) keys.set(call, (keys.get(call) ?? new Set()).add(key));
    if (key === undefined || !seen.has(key)) add(effects, call);
    if (key !== undefined) seen.add(key);
    response.writeHead(200, { "content-type": "application/json" }).end('{"id":"1","choices":[],"content":[]}');
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return { port: (server.address() as AddressInfo).port, requests, effects, keys };
}

const sdks: Record<string, { honoursKeys: boolean; open: (port: number) => (call: string) => Promise<unknown> }> = {
  stripe: {
    honoursKeys: true,
    open(port) {
      const stripe = new Stripe("sk_test_none", {
        httpClient: Stripe.createFetchHttpClient(retryingFetch({ ...quick, keys: true })),
        maxNetworkRetries: 0,
        host: "127.0.0.1",
        port,
        protocol: "http",
        telemetry: false,
      });
      return (description) => stripe.charges.create({ amount: 420, currency: "eur", description });
    },
  },
  openai: {
    honoursKeys: false,
    open(port) {
      const fetch = retryingFetch({ ...quick, keys: "off" });
      const openai = new OpenAI({ apiKey: "none", baseURL: `http://127.0.0.1:${port}`, fetch, maxRetries: 0 });
      return (content) => openai.chat.completions.create({ model: "m", messages: [{ role: "user", content }] });
    },
  },
  anthropic: {
    honoursKeys: false,
    open(port) {
      const fetch = retryingFetch({ ...quick, keys: "off" });
      const anthropic = new Anthropic({ apiKey: "none", baseURL: `http://127.0.0.1:${port}`, fetch, maxRetries: 0 });
      return (content) =>
        anthropic.messages.create({ model: "m", max_tokens: 1, messages: [{ role: "user", content }] });
    },
  },
};

test.each(Object.entries(sdks))(
  "%s: one effect and one key for each call, and no more requests than our attempts",
  async (_, sdk) => {
    const server = await countingServer();
    const seed = Math.floor(Math.random() * 2 ** 31);
    const random = seededRandom(seed);
    await using network = await flakyNetwork({
      upstream: { port: server.port },
      plan: randomFaults({ probability: 0.5, random, silenceShare: 0 }),
    });
    const send = sdk.open(network.port);
    const names = Array.from({ length: calls }, (_name, index) => `call-${index}`);
    const ended = await Promise.allSettled(names.map(send));
    const found = names.map((name, index) => ({
      name,
      ended: ended[index]!.status,
      effects: server.effects.get(name) ?? 0,
      keys: server.keys.get(name)?.size ?? 0,
      requests: server.requests.get(name) ?? 0,
    }));
    const isWrong = (call: (typeof found)[number]): boolean =>
      call.effects > 1 ||
      (call.ended === "fulfilled" && call.effects !== 1) ||
      (call.requests > 0 && call.keys !== (sdk.honoursKeys ? 1 : 0)) ||
      call.requests > attemptsMax;
    expect(found.filter(isWrong), `seed ${seed}`).toEqual([]);
    // Half of the requests are lost or fail, so a run without faults tests nothing.
    expect(network.counts["lose-answer"], `seed ${seed}`).toBeGreaterThan(0);
    expect(found.filter((call) => call.ended === "fulfilled").length, `seed ${seed}`).toBeGreaterThan(0);
  },
);
