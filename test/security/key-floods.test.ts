import { expect, test } from "vitest";
import { onceWeb } from "../../packages/once-again/src/frameworks/web.ts";
import { fakeClock } from "../../packages/testing/src/index.ts";
import { memoryStore } from "../../packages/once-again/src/stores/memory/index.ts";
import { oneRetryAfter } from "../support/retry-after.ts";

// A caller may try to fill the store with new keys, as fast as they can be made.

const keysMax = 1000;
const minuteMs = 60_000;

function orders() {
  const clock = fakeClock();
  const store = memoryStore({ clock });
  let runs = 0;
  const serve = onceWeb(
    {
      store,
      clock,
      scope: (request) => request.headers.get("x-account")!,
      limits: { quota: { keysMax, perMs: minuteMs } },
    },
    () => new Response(`made ${(runs += 1)}`, { status: 201 }),
  );
  const send = (key: string, account = "mallory", body = "{}"): Promise<Response> => {
    const headers = { "idempotency-key": key, "x-account": account };
    return serve(new Request("http://shop.example/orders", { method: "POST", headers, body }));
  };
  const storedKeys = async (scope: string): Promise<number> => (await store.list({ scope, limit: 1000 })).length;
  return { clock, store, send, storedKeys, runs: () => runs };
}

test("a hundred thousand random keys from one principal hit its quota, and the store stays small", async () => {
  const { send, storedKeys, runs } = orders();
  const statuses = new Map<number, number>();
  for (let sent = 0; sent < 100_000; sent += 100) {
    const answers = await Promise.all(Array.from({ length: 100 }, () => send(crypto.randomUUID())));
    for (const { status } of answers) statuses.set(status, (statuses.get(status) ?? 0) + 1);
  }
  expect(Object.fromEntries(statuses)).toEqual({ 201: keysMax, 429: 100_000 - keysMax });
  expect([runs(), await storedKeys("mallory")]).toEqual([keysMax, keysMax]);
});

test("over its quota a caller still gets the responses of its stored keys, and others are not touched", async () => {
  const { clock, send, runs } = orders();
  for (let key = 0; key < keysMax; key += 1) await send(`key-${key}`);
  const refused = await send("one-more");
  expect([refused.status, refused.headers.get("retry-after")]).toEqual([429, oneRetryAfter]);
  expect(((await refused.json()) as { code: string }).code).toBe("ONCE_QUOTA_EXCEEDED");
  const repeat = await send("key-7");
  expect([repeat.status, repeat.headers.get("idempotent-replayed"), await repeat.text()]).toEqual([
    201,
    "true",
    "made 8",
  ]);
  expect((await send("key-7", "mallory", "another request")).status).toBe(422);
  expect((await send("one-more", "alice")).status).toBe(201);
  expect(runs()).toBe(keysMax + 1);
  await clock.advance(minuteMs / keysMax);
  expect((await send("one-more")).status).toBe(201);
});

test("a repeat within the quota costs none of it", async () => {
  const { send } = orders();
  for (let time = 0; time < 3 * keysMax; time += 1) await send("the same");
  const answers = await Promise.all(Array.from({ length: keysMax - 1 }, (_, key) => send(`key-${key}`)));
  expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([201]));
});

test("a flood in parallel does not get past it", async () => {
  const { send, runs } = orders();
  await Promise.all(Array.from({ length: 5 * keysMax }, (_, key) => send(`key-${key}`)));
  expect(runs()).toBe(keysMax);
});
