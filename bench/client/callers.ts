import { create, getAdapter } from "axios";
import axiosRetry from "axios-retry";
import { got } from "got";
import ky from "ky";
import { Agent, RetryAgent, request } from "undici";
import * as undici8 from "undici8";
import { retryingFetch } from "../../packages/once-again/src/client/index.ts";
import { retryingAdapter } from "../../packages/once-again/src/interceptors/axios.ts";
import { retryInterceptor, undiciFetch } from "../../packages/once-again/src/interceptors/undici/index.ts";
import { contentType, order } from "../server/exchange.ts";

/** Sends one order and reads its whole answer. */
export type Send = (url: string) => Promise<string>;

/** One way to send an order, each with retries of a POST where it has any. */
export interface Caller {
  readonly name: string;
  readonly baseline: string;
  /** Made anew in each process that measures. */
  make(): Send;
}

const method = "POST";
const body = order;
const headers = { "content-type": contentType };
const retries = { limit: 4, methods: ["post"] };

const overFetch =
  (fetch: (url: string, init: RequestInit) => Promise<Response>): Send =>
  async (url) =>
    (await fetch(url, { method, headers, body })).text();

const overRequest =
  (dispatcher: Agent): Send =>
  async (url) =>
    (await request(url, { method, headers, body, dispatcher })).body.text();

const overRequest8 =
  (dispatcher: undici8.Dispatcher): Send =>
  async (url) =>
    (await undici8.request(url, { method, headers, body, dispatcher })).body.text();

const rawRequest = "undici request";
const rawRequest8 = "undici 8 request";
const rawFetch = "global fetch";

/** The first of each baseline are the clients that others are built on. */
export const callers: readonly Caller[] = [
  { name: rawRequest, baseline: rawRequest, make: () => overRequest(new Agent()) },
  {
    // The cost of any interceptor in undici: undici 7 translates each answer's headers for it, and back.
    name: "undici, empty interceptor",
    baseline: rawRequest,
    make: () =>
      overRequest(new Agent().compose((dispatch) => (options, handler) => dispatch(options, handler)) as Agent),
  },
  {
    name: "once-again/undici",
    baseline: rawRequest,
    make: () => overRequest(new Agent().compose(retryInterceptor({ keys: true })) as Agent),
  },
  {
    name: "retryingFetch on undici request",
    baseline: rawRequest,
    make: () => overFetch(retryingFetch({ keys: true, fetch: undiciFetch(request, { dispatcher: new Agent() }) })),
  },
  {
    name: "undici RetryAgent",
    baseline: rawRequest,
    make: () => overRequest(new RetryAgent(new Agent(), { maxRetries: 4, methods: [method] }) as unknown as Agent),
  },
  { name: rawRequest8, baseline: rawRequest8, make: () => overRequest8(new undici8.Agent()) },
  {
    name: "once-again/undici on undici 8",
    baseline: rawRequest8,
    make: () => overRequest8(new undici8.Agent().compose(retryInterceptor({ keys: true }))),
  },
  {
    name: "undici 8 RetryAgent",
    baseline: rawRequest8,
    make: () => overRequest8(new undici8.RetryAgent(new undici8.Agent(), { maxRetries: 4, methods: [method] })),
  },
  { name: rawFetch, baseline: rawFetch, make: () => overFetch(fetch) },
  {
    // The cost of a `fetch` that can be ended: the floor of whatever bounds an attempt's time.
    name: "global fetch with a signal",
    baseline: rawFetch,
    make: () => overFetch((url, init) => fetch(url, { ...init, signal: new AbortController().signal })),
  },
  { name: "retryingFetch", baseline: rawFetch, make: () => overFetch(retryingFetch({ keys: true })) },
  {
    name: "ky",
    baseline: rawFetch,
    make: () => async (url) => ky.post(url, { headers, body, retry: retries }).text(),
  },
  {
    name: "got",
    baseline: rawFetch,
    make: () => async (url) => got.post(url, { headers, body, retry: { limit: 4, methods: ["POST"] } }).text(),
  },
  {
    name: "axios-retry",
    baseline: rawFetch,
    make: () => {
      const client = create({ responseType: "text" });
      axiosRetry(client, { retries: 4, retryCondition: () => true });
      return async (url) => (await client.post<string>(url, body, { headers })).data;
    },
  },
  {
    name: "once-again/axios",
    baseline: rawFetch,
    make: () => {
      const client = create({ responseType: "text", adapter: retryingAdapter(getAdapter(["http"]), { keys: true }) });
      return async (url) => (await client.post<string>(url, body, { headers })).data;
    },
  },
];
