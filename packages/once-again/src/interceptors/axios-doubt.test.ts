import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import axios, { isAxiosError } from "axios";
import { beforeAll, describe, expect, test } from "vitest";
import { answer, reset, scriptedServer } from "../../../../test/support/scripted-server.ts";
import { retryingAdapter } from "./axios.ts";

type RetryingAdapterOptions = NonNullable<Parameters<typeof retryingAdapter>[1]>;

/** An address that refuses connections. */
let refusing = "";

beforeAll(async () => {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  refusing = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  server.close();
  await once(server, "close");
});

const client = (options: RetryingAdapterOptions = {}, adapter: "http" | "fetch" = "http") =>
  axios.create({
    adapter: retryingAdapter(axios.getAdapter(adapter), { attemptsMax: 3, keys: true, backoff: () => 0, ...options }),
  });

const own = Object.assign(new Error("these parameters have no text"), { syscall: "connect" });
const fail = (): never => {
  throw own;
};

describe.each(["http", "fetch"] as const)("axios' adapter %s", (adapter) => {
  test.each([
    ["a function", fail],
    ["an object that serializes", { serialize: fail }],
    ["an object that encodes", { encode: fail }],
  ])("a paramsSerializer that throws, %s, ends the call at once, and nothing is sent", async (_, paramsSerializer) => {
    const server = await scriptedServer();
    const started: unknown[] = [];
    const api = client({ onEvent: ({ type }) => void (type === "attempt-started" && started.push(type)) }, adapter);
    const config = { params: { item: "tea" }, paramsSerializer } as object;
    for (const call of [api.get(server.url, config), api.post(server.url, "tea", config)]) {
      await expect(call).rejects.toThrow(own.message);
    }
    expect([started.length, server.received.length]).toEqual([2, 0]);
  });

  test("one that works is asked as axios asks it, with what stands beside it", async () => {
    const server = await scriptedServer();
    const params = { items: ["tea", "milk"] };
    await client({}, adapter).get(server.url, {
      params,
      paramsSerializer: { encode: (text) => `<${text}>`, indexes: null },
    });
    await axios.get(server.url, {
      adapter,
      params,
      paramsSerializer: { encode: (text) => `<${text}>`, indexes: null },
    });
    expect(server.received[0]!.path).toBe(server.received[1]!.path);
    expect(server.received[0]!.path).toContain("items");
  });

  test("once-again's own 503 proves that nothing happened, and a stranger's proves nothing", async () => {
    const server = await scriptedServer();
    const problem = { "Retry-After": "0", "content-type": "application/problem+json" };
    const body = JSON.stringify({ code: "ONCE_NO_EFFECT", status: 503 });
    const api = client({ keys: "off" }, adapter);
    for (const responseType of ["json", "text", "arraybuffer"] as const) {
      server.script.push(answer(503, problem, body));
      expect((await api.post(server.url, "tea", { responseType })).status).toBe(200);
    }
    server.received.length = 0;
    server.script.push(
      answer(503, problem, '{"code":"ONCE_OUTCOME_UNKNOWN"}'),
      answer(503, { "Retry-After": "0" }, body),
    );
    for (let call = 0; call < 2; call += 1) {
      await expect(api.post(server.url, "tea")).rejects.toMatchObject({ name: "AxiosError", status: 503 });
    }
    expect(server.received).toHaveLength(2);
    server.script.push(answer(503, problem, body));
    const keyed = client({ attemptsMax: 1 }, adapter).post(server.url, "tea");
    await expect(keyed).rejects.toMatchObject({ name: "AxiosError", status: 503 });
  });
});

test("a POST that was answered and redirected to a server that is not reached may have been executed", async () => {
  const server = await scriptedServer();
  const redirect = answer(303, { location: refusing });
  server.script.push(redirect, redirect, redirect, redirect);
  const unkeyed: unknown = await client({ keys: "off" })
    .post(server.url, "tea")
    .catch((error: unknown) => error);
  expect(unkeyed).toMatchObject({ code: "ONCE_OUTCOME_UNKNOWN", cause: { name: "RedirectError" } });
  expect(isAxiosError((unkeyed as { cause: Error }).cause.cause)).toBe(true);
  expect(server.received).toHaveLength(1);
  await expect(client().post(server.url, "tea")).rejects.toMatchObject({ code: "ONCE_OUTCOME_UNKNOWN" });
  expect(server.received).toHaveLength(4);
  server.script.splice(0, Infinity, answer(303, { location: "ftp://127.0.0.1/" }));
  await expect(client().post(server.url, "tea")).rejects.toMatchObject({ code: "ONCE_OUTCOME_UNKNOWN" });
  expect(server.received).toHaveLength(5);
});

test("no condition has a POST without a key sent again after a doubt, and one has after a refusal", async () => {
  const server = await scriptedServer();
  const api = client({ keys: "off", shouldRetry: () => true });
  server.script.push(reset);
  await expect(api.post(server.url, "tea")).rejects.toMatchObject({ code: "ONCE_OUTCOME_UNKNOWN" });
  expect(server.received).toHaveLength(1);
  server.script.push(answer(404), answer(404));
  expect((await api.post(server.url, "tea")).status).toBe(200);
});

test("a GET with a redirect that leads nowhere has no effect, and ends with axios' own error", async () => {
  const server = await scriptedServer();
  server.script.push(...Array.from({ length: 3 }, () => answer(303, { location: refusing })));
  await expect(client().get(server.url)).rejects.toMatchObject({
    code: "ONCE_ATTEMPTS_EXHAUSTED",
    cause: { isAxiosError: true, code: "ECONNREFUSED" },
  });
  expect(server.received).toHaveLength(3);
});

test("a beforeRedirect that throws ends the call at once: a GET's with its error, a POST's in doubt", async () => {
  const server = await scriptedServer();
  const started: unknown[] = [];
  const api = client({ onEvent: ({ type }) => void (type === "attempt-started" && started.push(type)) });
  server.script.push(answer(303, { location: "/next" }), answer(303, { location: "/next" }));
  await expect(api.get(server.url, { beforeRedirect: fail })).rejects.toMatchObject({
    isAxiosError: true,
    cause: { cause: own },
  });
  await expect(api.post(server.url, "tea", { beforeRedirect: fail })).rejects.toMatchObject({
    code: "ONCE_OUTCOME_UNKNOWN",
    cause: { isAxiosError: true },
  });
  expect([started.length, server.received.length]).toEqual([2, 2]);
});

test("an attempt that was in doubt before the serializer failed stays in doubt", async () => {
  const server = await scriptedServer();
  server.script.push(reset);
  let asked = 0;
  const paramsSerializer = { serialize: () => ((asked += 1) === 1 ? "item=tea" : fail()) };
  const call = client().post(server.url, "tea", { params: { item: "tea" }, paramsSerializer });
  await expect(call).rejects.toMatchObject({ code: "ONCE_OUTCOME_UNKNOWN" });
  expect([asked, server.received.length]).toEqual([2, 1]);
});

test("a sign-in page behind a redirect is no outcome of an attempt in doubt, nor where trustRedirects is given", async () => {
  const server = await scriptedServer();
  const signIn = [answer(302, { location: "/login" }), answer(200, { "content-type": "application/json" }, "{}")];
  server.script.push(...signIn, reset, ...signIn, ...signIn, ...signIn);
  expect((await client().post(server.url, "tea")).status).toBe(200);
  const unknown = { code: "ONCE_OUTCOME_UNKNOWN", details: { url: new URL("/login", server.url).href } };
  await expect(client().post(server.url, "tea")).rejects.toMatchObject(unknown);
  await expect(client({ trustRedirects: false }).post(server.url, "tea")).rejects.toMatchObject(unknown);
  const trusting = client({ trustRedirects: ({ pathname }) => pathname === "/login" });
  expect((await trusting.post(server.url, "tea")).status).toBe(200);
});
