import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import axios, { AxiosError, AxiosHeaders, isAxiosError } from "axios";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { FetchEvent } from "../client/index.ts";
import { errorVerdict } from "../delivery/index.ts";
import { fakeClock } from "../../../testing/src/fake-clock.ts";
import { retryingAdapter } from "./axios.ts";

type RetryingAdapterOptions = NonNullable<Parameters<typeof retryingAdapter>[1]>;

type Act = (response: ServerResponse, request: IncomingMessage) => void;
const answer =
  (status: number, headers: Record<string, string> = {}, body = `{"status":${status}}`): Act =>
  (response) =>
    void response.writeHead(status, { "content-type": "application/json", ...headers }).end(body);
const reset: Act = (response) => response.socket?.resetAndDestroy();
const hang: Act = () => undefined;
const breakOff: Act = (response) => {
  response.writeHead(200, { "content-length": "10" }).write("half");
  setTimeout(() => response.socket?.resetAndDestroy(), 20);
};

let server: Server;
let origin: string;
let received: { key: unknown; type: unknown; body: string; path: unknown }[];
let script: Act[];

beforeEach(async () => {
  [received, script] = [[], []];
  server = createServer(async (request, response) => {
    const { "idempotency-key": key, "content-type": type } = request.headers;
    received.push({ key, type, body: (await buffer(request)).toString("latin1"), path: request.url });
    (script.shift() ?? answer(200))(response, request);
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});

afterEach(() => {
  server.closeAllConnections();
  server.close();
});

const client = (options: RetryingAdapterOptions = {}) =>
  axios.create({
    baseURL: `${origin}/api/`,
    adapter: retryingAdapter(axios.getAdapter(axios.defaults.adapter), {
      keys: true,
      attemptsMax: 3,
      backoff: () => 0,
      ...options,
    }),
  });

test("data of every kind is sent again byte for byte; interceptors and transforms run once per call", async () => {
  const form = new FormData();
  form.append("photo", new File([Uint8Array.of(0, 255)], "tea.bin"));
  const kinds = ["tea", { item: "tea" }, new URLSearchParams({ item: "tea" }), Buffer.from([0, 255]), form];
  const api = client();
  let intercepted = 0;
  api.interceptors.request.use((config) => {
    intercepted += 1;
    return config;
  });
  for (const data of kinds) {
    script = [reset, answer(503)];
    received = [];
    expect((await api.post("/orders", data)).data).toEqual({ status: 200 });
    expect(received).toHaveLength(3);
    expect(new Set(received.map((one) => JSON.stringify(one))).size).toBe(1);
  }
  expect(intercepted).toBe(kinds.length);
  expect(received[0]?.type).toMatch(/^multipart\/form-data; boundary=/);
  expect(received[0]?.body).toContain("\0\xff");
});

test("a stream is refused, and nothing is sent", async () => {
  await expect(client().post("/orders", Readable.from(["tea"]))).rejects.toMatchObject({
    code: "ONCE_BODY_NOT_REPLAYABLE",
  });
  expect(received).toEqual([]);
});

test("a status that axios rejects is rejected by axios' own error, after the retries", async () => {
  script = Array.from({ length: 3 }, () => answer(429, { "Retry-After": "0" }));
  const error: unknown = await client()
    .post("/orders", "tea")
    .catch((error: unknown) => error);
  expect(isAxiosError(error) && [error.response?.status, error.response?.data]).toEqual([429, { status: 429 }]);
  expect(received).toHaveLength(3);
  received = [];
  script = [answer(404)];
  await expect(client().get("/orders")).rejects.toMatchObject({ name: "AxiosError", status: 404 });
  script = [answer(404)];
  expect((await client().get("/orders", { validateStatus: () => true })).status).toBe(404);
  expect(received).toHaveLength(2);
});

test("axios' time-out leaves the outcome unknown: a keyed POST is repeated, an unkeyed one is not", async () => {
  script = [hang];
  // A busy machine may cut more than the first.
  expect((await client({ attemptsMax: 50 }).post("/orders", "tea", { timeout: 500 })).status).toBe(200);
  script = [hang];
  const call = client({ keys: "off" }).post("/orders", "tea", { timeout: 50 });
  await expect(call).rejects.toMatchObject({ code: "ONCE_OUTCOME_UNKNOWN", cause: { code: "ECONNABORTED" } });
});

test("a doubt that the last answer left has axios' error for that answer as its cause", async () => {
  script = [answer(500), answer(500), answer(500)];
  const error = (await client()
    .post("/orders", "tea")
    .catch((error: unknown) => error)) as { code: string; cause: unknown; details: object };
  expect(error.code).toBe("ONCE_OUTCOME_UNKNOWN");
  expect(error.details).toMatchObject({ attempts: 3, status: 500, key: received[0]!.key });
  expect(isAxiosError(error.cause) && error.cause.response?.status).toBe(500);
  script = [reset, answer(404)];
  await expect(client().post("/orders", "tea")).rejects.toMatchObject({ cause: { status: 404, name: "AxiosError" } });
  script = [answer(500), answer(500), answer(500)];
  const welcome = client().post("/orders", "tea", { validateStatus: null });
  await expect(welcome).rejects.toMatchObject({ code: "ONCE_OUTCOME_UNKNOWN", cause: undefined });
});

/** A signal of another class, as a polyfill's is. */
class OtherSignal extends EventTarget {
  aborted = false;
  listeners = 0;
  override addEventListener(...given: Parameters<EventTarget["addEventListener"]>): void {
    this.listeners += 1;
    super.addEventListener(...given);
  }
  override removeEventListener(...given: Parameters<EventTarget["removeEventListener"]>): void {
    this.listeners -= 1;
    super.removeEventListener(...given);
  }
  abort(): void {
    this.aborted = true;
    this.dispatchEvent(new Event("abort"));
  }
}

test("a signal that is not the platform's is followed, and let go at the end", async () => {
  const signal = new OtherSignal();
  script = [reset];
  expect((await client().post("/orders", "tea", { signal })).status).toBe(200);
  const listeners = () => signal.listeners;
  expect([received.length, listeners()]).toEqual([2, 0]);
  script = [() => signal.abort()];
  await expect(client().post("/orders", "tea", { signal })).rejects.toSatisfy(axios.isCancel);
  await expect(client().post("/orders", "tea", { signal })).rejects.toSatisfy(axios.isCancel);
  expect([received.length, listeners()]).toEqual([3, 0]);
});

test("what is no signal is refused before anything is sent", async () => {
  const adapter = retryingAdapter(axios.getAdapter("http"));
  const call = adapter({ url: origin, headers: new AxiosHeaders(), signal: {} } as never);
  await expect(call).rejects.toThrow(TypeError);
  expect(received).toEqual([]);
});

test("a failure that no repeat can help is axios' own error, after one try", async () => {
  const events: string[] = [];
  const api = client({ onEvent: ({ type }) => void events.push(type) });
  const attempts = (): number => events.splice(0).filter((type) => type === "attempt-started").length;
  await expect(api.get("ftp://shop.example/")).rejects.toMatchObject({ code: "ERR_BAD_REQUEST" });
  expect([attempts(), received.length]).toEqual([1, 0]);
  const long = api.post("/orders", "x".repeat(100), { maxBodyLength: 10 });
  await expect(long).rejects.toMatchObject({ code: "ERR_BAD_REQUEST" });
  expect([attempts(), received.length]).toEqual([1, 0]);
  script = Array.from({ length: 20 }, () => answer(302, { location: "/again" }));
  await expect(api.get("/orders", { maxRedirects: 3 })).rejects.toMatchObject({ code: "ERR_FR_TOO_MANY_REDIRECTS" });
  expect(attempts()).toBe(1);
  script = [];
  await expect(api.get("/orders", { maxContentLength: 3 })).rejects.toThrow("maxContentLength size of 3 exceeded");
  expect(attempts()).toBe(1);
});

test("an answer that breaks off is part of its attempt", async () => {
  script = [breakOff];
  expect((await client().post("/orders", "tea")).data).toEqual({ status: 200 });
  script = [breakOff];
  await expect(client({ keys: "off" }).post("/orders", "tea")).rejects.toMatchObject({ code: "ONCE_OUTCOME_UNKNOWN" });
  expect(received).toHaveLength(3);
});

test("an abort and a cancel token end the wait, as axios' own cancellation", async () => {
  for (const kind of ["signal", "cancelToken"] as const) {
    script = [reset];
    const scheduled = Promise.withResolvers<void>();
    const clock = fakeClock();
    const api = client({
      backoff: () => 60_000,
      clock,
      onEvent: ({ type }) => void (type === "retry-scheduled" && scheduled.resolve()),
    });
    const controller = new AbortController();
    const source = axios.CancelToken.source();
    const call = api.post(
      "/orders",
      "tea",
      kind === "signal" ? { signal: controller.signal } : { cancelToken: source.token },
    );
    await scheduled.promise;
    controller.abort();
    source.cancel();
    await expect(call).rejects.toSatisfy(axios.isCancel);
    expect(clock.pending).toBe(0);
  }
  expect(received).toHaveLength(2);
});

test("an unkeyed POST is not repeated on the word of a server to which it was redirected", async () => {
  script = [answer(307, { location: "/elsewhere" }), answer(429)];
  let redirects = 0;
  const call = client({ keys: "off" }).post("/orders", "tea", { beforeRedirect: () => void (redirects += 1) });
  await expect(call).rejects.toMatchObject({ status: 429 });
  expect([received.length, redirects]).toEqual([2, 1]);
});

test("the key is the caller's where it brings one, and events say where a call goes, without its query", async () => {
  const events: FetchEvent[] = [];
  const api = client({ onEvent: (event) => events.push(event) });
  await api.post("orders?token=secret", "tea", { headers: { "idempotency-key": "mine" } });
  await axios.post(`${origin}/absolute`, "tea", { adapter: api.defaults.adapter! });
  expect(received.map(({ key, path }) => [path, key])).toEqual([
    ["/api/orders?token=secret", "mine"],
    ["/absolute", expect.stringMatching(/^[\da-f-]{36}$/)],
  ]);
  expect(new Set(events.map(({ url }) => url))).toEqual(new Set([`${origin}/api/orders`, `${origin}/absolute`]));
  expect(events[0]).toMatchObject({ type: "attempt-started", method: "POST", key: "mine" });
});

test("an attempt can tell its number", async () => {
  const numbers: unknown[] = [];
  server.on("request", ({ headers }) => numbers.push(headers["attempt-number"]));
  script = [answer(503)];
  await client({ attemptHeaders: { number: "Attempt-Number" } }).post("/orders", "tea");
  expect(numbers).toEqual(["1", "2"]);
});

test("a streamed answer that failed is let go before the next attempt", async () => {
  script = [answer(503)];
  const { data } = await client().get<Readable>("/orders", { responseType: "stream", validateStatus: null });
  expect((await buffer(data)).toString()).toBe('{"status":200}');
});

test("axios' errors get the verdict of what they wrap", () => {
  const wrapped = (cause: object) => AxiosError.from(Object.assign(new Error("wrapped"), cause) as AxiosError);
  expect(errorVerdict(wrapped({ code: "ETIMEDOUT", syscall: "connect" }))).toMatchObject({ delivery: "never" });
  expect(errorVerdict(wrapped({ code: "ETIMEDOUT", syscall: "read" }))).toMatchObject({ delivery: "unknown" });
  const refused = { code: "ECONNREFUSED" };
  const mixed = { code: "ECONNREFUSED", errors: [refused, { code: "ECONNRESET" }] };
  expect(errorVerdict(wrapped(mixed))).toMatchObject({ delivery: "unknown" });
  expect(errorVerdict(wrapped({ ...mixed, errors: [refused, refused] }))).toMatchObject({ delivery: "never" });
  expect(errorVerdict(new AxiosError("Network Error", AxiosError.ERR_NETWORK))).toMatchObject({ delivery: "unknown" });
  expect(errorVerdict(new AxiosError("bad", AxiosError.ERR_BAD_OPTION))).toMatchObject({ transient: false });
});
