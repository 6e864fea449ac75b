import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import axios from "axios";
import ky from "ky";
import { onceNode } from "once-again/node";
import { memoryStore } from "once-again/stores/memory";
import { retryingAdapter } from "once-again/axios";
import { retryingFetch } from "once-again/client";
import type { RetryingFetchOptions } from "once-again/internal";
import { flakyNetwork, randomFaults, seededRandom, type FlakyNetwork } from "@once-again/testing";
import { retryInterceptor } from "once-again/undici";
import * as undici7 from "undici";
import * as undici8 from "undici8";
import { afterEach, beforeEach, describe, expect, test } from "vitest";

// The promises of every way of calling, whichever HTTP client sends the request.

/** Posts an order and reads the answer. */
type Post = (url: string, order: string) => Promise<{ status: number; text: string }>;
type Options = Omit<RetryingFetchOptions, "fetch">;

const read = async (response: Response) => ({ status: response.status, text: await response.text() });

const clients: Record<string, (options: Options) => Post> = {
  fetch: (options) => {
    const send = retryingFetch(options);
    return async (url, order) => read(await send(url, { method: "POST", body: order }));
  },
  "undici 7 request": (options) => {
    const dispatcher = new undici7.Agent().compose(retryInterceptor(options));
    return async (url, order) => {
      const { statusCode, body } = await undici7.request(url, { dispatcher, method: "POST", body: order });
      return { status: statusCode, text: await body.text() };
    };
  },
  "undici 8 request": (options) => {
    const dispatcher = new undici8.Agent().compose(retryInterceptor(options));
    return async (url, order) => {
      const { statusCode, body } = await undici8.request(url, { dispatcher, method: "POST", body: order });
      return { status: statusCode, text: await body.text() };
    };
  },
  "undici 8 fetch": (options) => {
    const dispatcher = new undici8.Agent().compose(retryInterceptor(options));
    return async (url, order) => {
      const response = await undici8.fetch(url, { dispatcher, method: "POST", body: order });
      return { status: response.status, text: await response.text() };
    };
  },
  "the platform's fetch with an undici 7 dispatcher": (options) => {
    const dispatcher = new undici7.Agent().compose(retryInterceptor(options));
    return async (url, order) =>
      read(await fetch(url, { method: "POST", body: order, dispatcher } as unknown as RequestInit));
  },
  axios: (options) => {
    const api = axios.create({ adapter: retryingAdapter(axios.getAdapter(axios.defaults.adapter), options) });
    return async (url, order) => {
      const { status, data } = await api.post<string>(url, order, { validateStatus: null, responseType: "text" });
      return { status, text: data };
    };
  },
  "axios with its fetch adapter": (options) => {
    const api = axios.create({ adapter: retryingAdapter(axios.getAdapter("fetch"), options) });
    return async (url, order) => {
      const { status, data } = await api.post<string>(url, order, { validateStatus: null, responseType: "text" });
      return { status, text: data };
    };
  },
  ky: (options) => {
    const api = ky.create({ fetch: retryingFetch(options), retry: 0, timeout: false, throwHttpErrors: false });
    return async (url, order) => read(await api.post(url, { body: order }));
  },
};

let server: Server;
let network: FlakyNetwork;
/** The orders that were executed, one entry for each time. */
let effects: string[];
/** The keys with which orders came, executed or not. */
let keys: unknown[];

beforeEach(async () => {
  [effects, keys] = [[], []];
  const orders = onceNode(
    { store: memoryStore(), scope: "public", profile: { keyRequired: false } },
    async (_request, response, { body }) => {
      effects.push(body.toString());
      response.writeHead(201).end(`order ${body}`);
    },
  );
  server = createServer((request, response) => {
    keys.push(request.headers["idempotency-key"]);
    void orders(request, response);
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  network = await flakyNetwork({ upstream: () => server.address() as AddressInfo });
});

afterEach(async () => {
  await network.close();
  server.closeAllConnections();
  server.close();
});

const patient: Options = { keys: true, attemptsMax: 20, backoff: () => 0, budget: "off" };

describe.each(Object.entries(clients))("%s", (_name, client) => {
  test("a keyed POST has one effect and gets its answer, whichever scenario comes", async () => {
    const post = client(patient);
    network.next({ scenario: "lose-request" }, { scenario: "fail" }, { scenario: "lose-answer" });
    expect(await post(`${network.url}/orders`, "tea")).toEqual({ status: 201, text: "order tea" });
    expect(effects).toEqual(["tea"]);
    expect(new Set(keys).size).toBe(1);
    expect(keys[0]).toMatch(/^[\da-f-]{36}$/);
  });

  test("a hundred keyed POSTs through a bad network have a hundred effects", async () => {
    const plan = randomFaults({ probability: 0.4, silenceShare: 0, random: seededRandom("callers") });
    await using bad = await flakyNetwork({ upstream: server.address() as AddressInfo, plan });
    const post = client(patient);
    const orders = Array.from({ length: 100 }, (_, index) => `order ${index}`);
    const answers = await Promise.all(orders.map((order) => post(`${bad.url}/orders`, order)));
    expect(answers).toEqual(orders.map((order) => ({ status: 201, text: `order ${order}` })));
    expect(effects.toSorted()).toEqual(orders.toSorted());
  });

  test("a POST in doubt at a server that has said nothing is not sent again, and says the line to add", async () => {
    const post = client({ ...patient, keys: undefined });
    network.next({ scenario: "lose-answer" });
    const error: unknown = await post(`${network.url}/orders`, "tea").catch((error: unknown) => error);
    expect(codes(error)).toContain("ONCE_OUTCOME_UNKNOWN");
    expect(messages(error)).toContain(`add \`keys: ["${network.url}"]\` to the options`);
    expect([effects, keys]).toEqual([["tea"], [expect.stringMatching(/^[\da-f-]{36}$/)]]);
  });

  test("a POST in doubt is sent again once a response to its method and path has said that keys are honoured", async () => {
    const post = client({ ...patient, keys: undefined });
    await post(`${network.url}/orders`, "tea");
    network.next({ scenario: "lose-answer" }, { scenario: "fail" });
    expect(await post(`${network.url}/orders`, "coffee")).toEqual({ status: 201, text: "order coffee" });
    expect(effects).toEqual(["tea", "coffee"]);
  });

  test("an unkeyed POST without a response is not sent again, and its error says so", async () => {
    const post = client({ ...patient, keys: "off" });
    network.next({ scenario: "lose-answer" });
    const error: unknown = await post(`${network.url}/orders`, "tea").catch((error: unknown) => error);
    expect(codes(error)).toContain("ONCE_OUTCOME_UNKNOWN");
    expect(effects).toEqual(["tea"]);
  });

  test("an unkeyed POST that never arrived is sent again", async () => {
    const { port } = server.address() as AddressInfo;
    server.close();
    await once(server, "close");
    const post = client({
      ...patient,
      keys: "off",
      backoff: ({ retry }) => {
        if (retry === 1) server.listen(port, "127.0.0.1");
        return 20;
      },
    });
    expect(await post(`http://127.0.0.1:${port}/orders`, "tea")).toEqual({ status: 201, text: "order tea" });
    expect([effects, keys]).toEqual([["tea"], [undefined]]);
  });

  test.each([
    ["a refusal", 429, {}],
    ["a 503 of a server that is vouched for", 503, { trustRetryAfter: true }],
  ])("the last answer is returned when no repeat can help: %s", async (_, status, options) => {
    const requests = answering(status);
    expect(await client({ ...patient, attemptsMax: 3, ...options })(`${network.url}/orders`, "tea")).toEqual({
      status,
      text: "closed",
    });
    expect(requests()).toBe(3);
  });

  test("a stranger's 503 that names a time proves nothing, so the outcome is unknown", async () => {
    const requests = answering(503);
    const error: unknown = await client({ ...patient, attemptsMax: 3 })(`${network.url}/orders`, "tea").catch(
      (error: unknown) => error,
    );
    expect(codes(error)).toContain("ONCE_OUTCOME_UNKNOWN");
    expect(requests()).toBe(3);
  });
});

/** Has the server answer everything so. @returns how many requests it had. */
function answering(status: number): () => number {
  server.removeAllListeners("request");
  let requests = 0;
  server.on("request", (request, response) => {
    requests += 1;
    request.resume().on("end", () => response.writeHead(status, { "retry-after": "0" }).end("closed"));
  });
  return () => requests;
}

/** The texts of an error and of what it wraps. */
function messages(error: unknown): string {
  return error instanceof Error ? `${error.message}\n${messages(error.cause)}` : "";
}

/** The codes of an error and of what it wraps. */
function codes(error: unknown): unknown[] {
  if (typeof error !== "object" || error === null) return [];
  const { code, cause } = error as { code?: unknown; cause?: unknown };
  return [code, ...codes(cause)];
}
