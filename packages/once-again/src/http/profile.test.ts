import { expect, test } from "vitest";
import { handlersOwn, httpRequest, said } from "../../../../test/support/http-bench.ts";
import { leasedRoute, never } from "../../../../test/support/leased-route.ts";
import { OnceAgainError } from "../core/errors.ts";
import { memoryStore } from "../stores/memory/index.ts";
import type { LeasedHttpOptions } from "./http-options.ts";
import { onceHttp } from "./handle-request.ts";

const dayMs = 86_400_000;
const acp = {
  profile: "acp",
  onUnknown: { action: "rerun", acknowledgeDuplicates: true },
  retentionMs: dayMs,
} as const;

/** The error message that refuses a route with these options. */
function refusal(options: Partial<LeasedHttpOptions<string>>): string {
  try {
    onceHttp({ store: memoryStore(), scope: "public", ...options });
  } catch (error) {
    if (OnceAgainError.isInstance(error, "ONCE_OPTION_INVALID")) return error.message;
  }
  return "none";
}

test.each([
  ["an unknown profile", { profile: "apc" as "acp" }, /profile must be .*draft.*acp/],
  ["operations that are held", { profile: "acp" }, /runs a failed operation again.*transactional/],
  ["a retention of an hour", { ...acp, retentionMs: 3_600_000 }, /24 hours/],
  ["optional keys", { ...acp, profile: { name: "acp", keyRequired: false } }, /decides keyRequired/],
  ["409 for another body", { ...acp, profile: { name: "acp", reusedStatus: 409 } }, /decides reusedStatus/],
  ["a key in another header", { ...acp, profile: { name: "acp", keyHeader: "X-Key" } }, /decides keyHeader/],
  ["bodies that don't count", { ...acp, fingerprint: "target" }, /decides fingerprint/],
] as const)("acp refuses %s", (_, options, message) => {
  expect(refusal(options)).toMatch(message);
});

test("acp takes an option that says what it says", () => {
  expect(
    refusal({ ...acp, profile: { name: "acp", keyRequired: true, reusedStatus: 422 }, methods: ["POST", "DELETE"] }),
  ).toBe("none");
});

test("acp writes its errors flat, and the key that came stands in the response", async () => {
  const { once } = leasedRoute(acp);
  const missing = await once.answer(httpRequest({ keys: [] }), never);
  expect(JSON.parse(said(missing).text)).toEqual({
    type: "invalid_request",
    code: "idempotency_key_required",
    message: expect.stringContaining("Idempotency-Key") as string,
  });
  expect(handlersOwn(missing.headers)).toEqual([["content-type", "application/json"]]);
  const malformed = await once.answer(httpRequest({ keys: ['"a'] }), never);
  expect(handlersOwn(malformed.headers)).toContainEqual(["idempotency-key", '"a']);
});

test("acp gives back the key that came, where a handler changes the headers of the request", async () => {
  const { once } = leasedRoute(acp);
  const keys = ["sent"];
  const answer = await once.answer(httpRequest({ keys }), () => {
    keys[0] = "changed";
    return Promise.resolve({ status: 201, headers: [], body: new Uint8Array() });
  });
  expect(handlersOwn(answer.headers)).toContainEqual(["idempotency-key", "sent"]);
});

test("acp distinguishes a failure of the handler from a store that is away, by the problem's type", async () => {
  const { post, store } = leasedRoute({ ...acp, limits: { storeMsMax: 1 } });
  const failed = await post({}, () => Promise.reject(new Error("no")));
  expect(JSON.parse(failed.text)).toMatchObject({ type: "processing_error", code: "handler_failed" });
  store.fail("claim", "before");
  const away = await post({ keys: ["b"] }, never);
  expect(JSON.parse(away.text)).toMatchObject({ type: "service_unavailable", code: "store_unavailable" });
});

test("acp names keys by path, also by one that is longer than a scope may be", async () => {
  const { post, store } = leasedRoute(acp);
  const long = `/${"a".repeat(2000)}`;
  for (const path of ["/orders", "/carts", long, `${long}b`]) {
    expect(await post({ path })).toMatchObject({ status: 201, replayed: false });
    expect(await post({ path }, never)).toMatchObject({ status: 201, replayed: true });
  }
  const records = await store.list({});
  expect(records.map(({ scope }) => scope)).toEqual(expect.arrayContaining([expect.stringMatching(/^\S+ \/orders$/)]));
  expect(records).toHaveLength(4);
});

test("acp counts the new keys of a caller, not of a path", async () => {
  const { post } = leasedRoute({ ...acp, limits: { quota: { keysMax: 1, perMs: 60_000 } } });
  expect((await post({ keys: ["a"], path: "/orders" })).status).toBe(201);
  expect((await post({ keys: ["b"], path: "/carts" }, never)).status).toBe(429);
});

test('fingerprint: "body" leaves query and media type out', async () => {
  const { post } = leasedRoute({ fingerprint: "body" });
  await post({ text: '{"a":1}' });
  expect(await post({ text: '{ "a": 1.0 }', query: "?dry=1" }, never)).toMatchObject({ replayed: true });
  expect(await post({ text: '{"a":2}' }, never)).toMatchObject({ status: 422 });
  expect(await post({ text: '{"a":1}', path: "/carts" }, never)).toMatchObject({ status: 422 });
});
