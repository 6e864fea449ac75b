import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import * as undici7 from "undici";
import * as undici8 from "undici8";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { retryingFetch } from "../../client/index.ts";
import type { RetryingFetchOptions } from "../../client/fetch-options.ts";
import { undiciFetch } from "./index.ts";
import { replaceGlobalsAsHono } from "../../../../../test/support/hono-globals.ts";
import { skipWaits } from "../../../../../test/support/skip-waits.ts";
import { fakeClock } from "../../../../testing/src/fake-clock.ts";

type Act = (response: ServerResponse, request: IncomingMessage) => void;
const answer =
  (status: number, headers: Record<string, string | string[]> = {}, body = `status ${status}`): Act =>
  (response) =>
    void response.writeHead(status, headers).end(body);
const reset: Act = (response) => response.socket?.resetAndDestroy();

let server: Server;
let url: string;
let received: { key: unknown; type: unknown; body: string }[];
/** The server's next actions; when nothing is left it answers 200. */
let script: Act[];

beforeEach(async () => {
  [received, script] = [[], []];
  server = createServer(async (request, response) => {
    const { "idempotency-key": key, "content-type": type } = request.headers;
    received.push({ key, type, body: (await buffer(request)).toString("latin1") });
    (script.shift() ?? answer(200))(response, request);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/orders`;
});

afterEach(() => {
  server.closeAllConnections();
  server.close();
});

/** Both versions have one shape here; their types name their own classes. */
const versions = { "undici 7": undici7, "undici 8": undici8 as unknown as typeof undici7 };

describe.each(Object.entries(versions))("%s", (_name, { Agent, interceptors, request }) => {
  const plain = () => undiciFetch(request, { dispatcher: new Agent() });
  const retrying = (options: RetryingFetchOptions = {}) =>
    retryingFetch({ fetch: plain(), keys: true, attemptsMax: 3, backoff: () => 0, ...options });

  test("every attempt carries the same key and the same bytes, whatever kind of body", async () => {
    const form = new FormData();
    form.append("photo", new File([Uint8Array.of(0, 255, 13, 10)], "tea.bin"));
    const bodies = ["tea", new Uint8Array([0, 255]), new Blob(["tea"]), new URLSearchParams({ a: "1 2" }), form];
    for (const body of [
      ...bodies,
      () => Readable.toWeb(Readable.from([Buffer.from("tea")])) as ReadableStream,
      () => "tea",
    ]) {
      script = [reset, answer(503)];
      received = [];
      expect((await retrying()(url, { method: "POST", body })).status).toBe(200);
      expect(received).toHaveLength(3);
      expect(new Set(received.map((one) => JSON.stringify(one))).size).toBe(1);
      expect(received[0]).toMatchObject({ key: expect.any(String), body: expect.stringMatching(/./) });
    }
    expect(received[0]?.type).toMatch(/^text\/plain/);
  });

  test("a Blob has its own type, also beside a server of Hono, which replaces Response", async () => {
    replaceGlobalsAsHono();
    await plain()(url, { method: "POST", body: new Blob(["tea"], { type: "text/x-tea" }) });
    expect(received).toMatchObject([{ type: "text/x-tea", body: "tea" }]);
  });

  test("an answer is a Response: status, headers, and its body in every form", async () => {
    const headers = { "content-type": "application/json", "set-cookie": ["a=1", "b=2"], "x-many": "1" };
    const get = (): Promise<Response> => {
      script = [answer(201, headers, '{"tea":"é"}')];
      return plain()(url);
    };
    const response = await get();
    expect(response).toBeInstanceOf(Response);
    expect([response.status, response.ok, response.url, response.redirected, response.type]).toEqual([
      201,
      true,
      url,
      false,
      "basic",
    ]);
    expect([response.headers.get("X-Many"), response.headers.getSetCookie()]).toEqual(["1", ["a=1", "b=2"]]);
    const bytes = new TextEncoder().encode('{"tea":"é"}');
    expect([response.bodyUsed, await response.json(), response.bodyUsed]).toEqual([false, { tea: "é" }, true]);
    await expect(response.text()).rejects.toThrow(TypeError);
    expect(() => response.clone()).toThrow(TypeError);
    expect(await (await get()).text()).toBe('{"tea":"é"}');
    expect(new Uint8Array(await (await get()).arrayBuffer())).toEqual(bytes);
    expect(await (await get()).bytes()).toEqual(bytes);
    const blob = await (await get()).blob();
    expect([blob.type, blob.size]).toEqual(["application/json", bytes.byteLength]);
    const twice = await get();
    expect([await twice.clone().text(), await twice.text()]).toEqual(['{"tea":"é"}', '{"tea":"é"}']);
    expect(await new Response((await get()).body).text()).toBe('{"tea":"é"}');
    script = [answer(200, { "content-type": "application/x-www-form-urlencoded" }, "a=1")];
    expect((await (await plain()(url)).formData()).get("a")).toBe("1");
  });

  test("answers without a body have none", async () => {
    script = [answer(204, {}, ""), answer(200)];
    for (const init of [{}, { method: "HEAD" }]) {
      const response = await plain()(url, init);
      expect([response.body, await response.text(), response.bodyUsed]).toEqual([null, "", false]);
    }
  });

  test("a status that no Response can have is handed on, and the answer can be read and let go", async () => {
    script = [answer(999, {}, "odd")];
    const odd = await plain()(url);
    expect([odd.status, odd.ok, odd.clone().status, await odd.text()]).toEqual([999, false, 999, "odd"]);
    script = [answer(999, {}, "odd")];
    await expect(retrying()(url, { method: "POST", body: "tea" })).rejects.toMatchObject({
      code: "ONCE_OUTCOME_UNKNOWN",
      details: { status: 999 },
    });
  });

  test("a Request is sent as it is", async () => {
    const order = new Request(url, { method: "PUT", body: "tea", headers: { "idempotency-key": "mine" } });
    expect((await retrying()(order)).status).toBe(200);
    expect((await plain()(new Request(url, { method: "POST", body: "milk" }))).status).toBe(200);
    expect(received).toEqual([
      { key: "mine", type: expect.stringMatching(/^text\/plain/), body: "tea" },
      { key: undefined, type: expect.stringMatching(/^text\/plain/), body: "milk" },
    ]);
  });

  test("an abort ends the call with its reason, and an answer's body too", async () => {
    const before = new AbortController();
    script = [() => before.abort(new Error("enough"))];
    const call = retrying()(url, { method: "POST", body: "tea", signal: before.signal });
    await expect(call).rejects.toThrow("enough");
    script = [(response) => void response.writeHead(200).write("half")];
    const during = new AbortController();
    const response = await retrying()(url, { signal: during.signal });
    const text = response.text();
    during.abort(new Error("enough"));
    await expect(text).rejects.toThrow("enough");
  });

  test("verdicts are those of undici's own errors", async () => {
    const unkeyed = retrying({ keys: "off" });
    script = [reset];
    await expect(unkeyed(url, { method: "POST", body: "tea" })).rejects.toMatchObject({ code: "ONCE_OUTCOME_UNKNOWN" });
    const refused = unkeyed("http://127.0.0.1:1/", { method: "POST", body: "tea" });
    await expect(refused).rejects.toMatchObject({ code: "ONCE_ATTEMPTS_EXHAUSTED", cause: { code: "ECONNREFUSED" } });
    const clock = fakeClock();
    script = [() => void clock.advance(50)];
    const cut = await retrying({ clock, attemptTimeoutMs: 50, onEvent: skipWaits(clock) })(url, {
      method: "POST",
      body: "tea",
    });
    expect(cut.status).toBe(200);
  });

  test("a redirect is the answer, an error where none is allowed, or followed by undici's interceptor", async () => {
    const moved = answer(307, { location: "/moved" });
    script = [moved, moved, moved];
    expect((await plain()(url)).status).toBe(307);
    await expect(plain()(url, { redirect: "error" })).rejects.toThrow(TypeError);
    const dispatcher = new Agent().compose(interceptors.redirect({ maxRedirections: 3 }));
    const response = await undiciFetch(request, { dispatcher })(url, { method: "POST", body: "tea" });
    expect([response.status, response.redirected, response.url]).toEqual([200, true, new URL("/moved", url).href]);
  });
});
