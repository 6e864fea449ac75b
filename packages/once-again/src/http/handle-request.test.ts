import { describe, expect, test } from "vitest";
import { bytes, handlersOwn, httpRequest, said } from "../../../../test/support/http-bench.ts";
import { created, leasedRoute as route, never } from "../../../../test/support/leased-route.ts";
import { errorCodes } from "../core/error-codes.ts";
import { NoEffectError } from "../engine/engine.ts";
import { heldError } from "../engine/work-effect.ts";
import { oneRetryAfter } from "../../../../test/support/retry-after.ts";

describe("problems", () => {
  test("have the form of RFC 9457, and link to the page of their error", async () => {
    const { once } = route();
    const answer = await once.answer(httpRequest({ keys: [] }), never);
    expect(handlersOwn(answer.headers)).toEqual([["content-type", "application/problem+json"]]);
    expect(JSON.parse(said(answer).text)).toEqual({
      type: "https://unpkg.com/once-again@0/docs/errors/ONCE_KEY_INVALID.md",
      title: errorCodes.ONCE_KEY_INVALID,
      status: 400,
      detail: expect.stringContaining("Idempotency-Key") as string,
      code: "ONCE_KEY_INVALID",
    });
  });

  test("link to where the service keeps its own pages, if it does", async () => {
    const answer = await route({ profile: { problemBase: "https://acme.example/errors/" } }).post({ keys: [] }, never);
    expect(answer.text).toContain('"type":"https://acme.example/errors/ONCE_KEY_INVALID.md"');
  });

  test("of the service itself are not stored: the key is free, or as it was", async () => {
    const { post, store } = route({ retentionMs: 60_000 });
    await post({ keys: ["k"] });
    for (const asked of [{ keys: ["k"], text: "{}" }, { keys: [] }, { keys: ['"'] }]) await post(asked, never);
    expect(await store.list({})).toHaveLength(1);
    expect(await post({ keys: ["k"] }, never)).toMatchObject({ status: 201, replayed: true });
  });
});

describe("other methods", () => {
  test("GET, HEAD, OPTIONS and TRACE pass through; PUT and DELETE too, unless the route says otherwise", async () => {
    const { once } = route();
    for (const method of ["GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE", "get"]) {
      expect(once.passing(method)).toMatchObject({ key: undefined, attempt: 1 });
    }
    for (const method of ["POST", "PATCH", "post"]) expect(once.passing(method)).toBeUndefined();
    const { once: puts } = route({ methods: ["put"] });
    expect(puts.passing("PUT")).toBeUndefined();
    expect(puts.passing("POST")).toBeDefined();
  });

  test("a passing request has a signal that never aborts, and may say that it had no effect", () => {
    const passing = route().once.passing("GET");
    passing?.noEffect();
    expect(passing?.signal.aborted).toBe(false);
  });
});

test("each passing request has separate steps", () => {
  const { once } = route();
  expect(once.passing("GET")?.step).not.toBe(once.passing("GET")?.step);
});

test("without a key, where none is required, a request runs as often as it is sent", async () => {
  const { post, store } = route({ profile: { keyRequired: false } });
  for (let time = 0; time < 2; time += 1) {
    expect(await post({ keys: [] }, async ({ key }) => ({ ...created, body: bytes(String(key)) }))).toMatchObject({
      status: 201,
      text: "undefined",
      replayed: false,
    });
  }
  expect(store.asked).toEqual([]);
});

test("two scopes never meet, whatever their keys are called", async () => {
  const { post } = route();
  const pairs = [
    ["a", "b:c"],
    ["a:b", "c"],
    ["a", "b/c"],
    ["a/b", "c"],
    ["a", "%2f"],
    ["a", "/"],
    ["a", "%252f"],
    ["A", "b:c"],
    ["a", "a"],
  ] as const;
  for (const [account, key] of pairs) {
    const body = bytes(`${account} ${key}`);
    expect((await post({ account, keys: [key] }, async () => ({ ...created, body }))).replayed).toBe(false);
  }
  for (const [account, key] of pairs) {
    expect(await post({ account, keys: [key] }, never)).toMatchObject({ text: `${account} ${key}`, replayed: true });
  }
});

test("where all callers share one set of keys, they do", async () => {
  const { post } = route({ scope: "public" });
  await post({ account: "a" });
  expect((await post({ account: "b" }, never)).replayed).toBe(true);
});

test("after a NoEffectError the caller is asked to come back, and a retry runs afresh", async () => {
  const { post, errors } = route();
  const refused = await post({}, () => Promise.reject(new NoEffectError("The warehouse is closed.")));
  expect(refused).toMatchObject({ status: 503, code: "ONCE_NO_EFFECT", retryAfter: oneRetryAfter });
  expect(refused.text).toContain("The warehouse is closed.");
  expect(errors).toEqual([]);
  expect(await post()).toMatchObject({ status: 201, replayed: false });
});

test("a handler that had no effect and then holds has failed without one: its response and its key say the same", async () => {
  const { post } = route();
  const failed = await post({}, (execution) => {
    execution.noEffect();
    return Promise.reject(heldError("The bank does not answer."));
  });
  expect(failed).toMatchObject({ status: 500, code: "ONCE_HANDLER_FAILED" });
  expect(failed.text).toContain("nothing of it happened");
  expect(await post()).toMatchObject({ status: 201, replayed: false });
});

test("a target in absolute form, as proxies are sent it, is the same request", async () => {
  const { post } = route();
  await post({ path: "/" });
  for (const path of ["http://shop.example", "https://shop.example:8443/", "HTTP://shop.example/"]) {
    expect(await post({ path }, never)).toMatchObject({ status: 201, replayed: true });
  }
  await post({ path: "/orders", keys: ["k"] });
  expect(await post({ path: "http://shop.example/orders", keys: ["k"] }, never)).toMatchObject({ replayed: true });
  for (const path of ["http://shop.example/other", "/http://shop.example/orders", "orders"]) {
    expect(await post({ path, keys: ["k"] }, never)).toMatchObject({ status: 422 });
  }
});

test("options that make no sense are refused", () => {
  for (const options of [
    { scope: undefined as unknown as "public" },
    { scope: "private" as "public" },
    { mode: "transaction" as "leased" },
    { scope: "" as "public" },
    { profile: { reusedStatus: 400 as 409 } },
    { profile: { expiredKeys: "reject" as "refuse" } },
    { failureOf: "graphql" as unknown as () => undefined },
    { profile: { keyHeader: "" } },
    { profile: { keyHeader: "x key" } },
    { profile: { keyHeader: "Authorization" } },
    { skip: true as unknown as () => boolean },
    { fingerprint: "none" as "target" },
    { noEffectStatuses: [200] },
    { noEffectStatuses: [404, 500] },
    { noEffectStatuses: [408] },
    { noEffectStatuses: 404 as unknown as number[] },
    { limits: { bodyBytesMax: -1 } },
    { limits: { bodyBytesMax: 10.5 } },
    { limits: { resultBytesMax: 10 } },
    { limits: { resultBytesMax: 1024.5 } },
    { profile: { retryAfterSeconds: 0.5 } },
    { profile: { retryAfterSeconds: 1.5 } },
    { leaseMs: 1 },
  ]) {
    expect(() => route(options)).toThrow(expect.objectContaining({ code: "ONCE_OPTION_INVALID" }));
  }
});
