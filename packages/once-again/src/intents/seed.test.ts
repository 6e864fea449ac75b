import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { intentsBench } from "../../../../test/support/intents-bench.ts";
import { temporaryFolder } from "../../../../test/support/temporary-folder.ts";
import { onceWeb } from "../frameworks/web.ts";
import { deriveSeedKey, isSeedKey } from "../key/seed-key.ts";
import { memoryStore } from "../stores/memory/index.ts";
import { sqliteIntents } from "../stores/sqlite/index.ts";
import type { IntentsOptions } from "./intents-options.ts";
import { onceMutation } from "./once-mutation.ts";
import { openIntents } from "./open-intents.ts";

const url = "http://shop.example/payments";
const seed = "the account's own secret";

/** A shop that charges once for a key. Each device has its own store, which is empty. */
function shop({ scope = (): string => "acme" }: { scope?: "public" | (() => string) } = {}) {
  const charges: string[] = [];
  const keys: string[] = [];
  const refusals: number[] = [];
  const route = onceWeb({ store: memoryStore(), scope }, async (request) => {
    const card = await request.text();
    if (card === "declined") return new Response(card, { status: 402 });
    charges.push(card);
    return new Response(card, { status: 201 });
  });
  const fetch: typeof globalThis.fetch = async (input, init) => {
    const request = new Request(input, init);
    keys.push(request.headers.get("idempotency-key")!);
    const refusal = refusals.shift();
    return refusal === undefined ? route(request) : new Response(null, { status: refusal });
  };
  const device = (options: Partial<IntentsOptions> = {}) => {
    const store = options.store ?? sqliteIntents({ path: join(temporaryFolder(), "intents.db") });
    const intents = openIntents({
      ...{
        fetch,
        seed,
        keys: true,
        attemptsMax: 3,
        backoff: () => 1,
        resumeBackoff: () => 5,
        pollMs: 20,
        budget: "off",
      },
      ...options,
      store,
    });
    onTestFinished(() => intents.close());
    return intents;
  };
  const pay = (intents: ReturnType<typeof device>, body: string) =>
    onceMutation(intents, "pay 42").mutate({ url, body });
  return { charges, keys, refusals, device, pay };
}

test("a key of a seed is the same for the same operation, a UUID, and has the mark of such keys", async () => {
  const bytes = new TextEncoder().encode(seed);
  const operation = { origin: "http://shop.example", method: "POST", id: "pay 42" };
  const key = await deriveSeedKey(bytes, operation);
  expect(key).toMatchInlineSnapshot(`"6f6e6365-a271-8500-9bea-e91e04f1bd20"`);
  expect([isSeedKey(key), isSeedKey(crypto.randomUUID())]).toEqual([true, false]);
  for (const other of [{ origin: "http://other.example" }, { method: "PATCH" }, { id: "pay 42#try2" }]) {
    expect(await deriveSeedKey(bytes, { ...operation, ...other })).not.toBe(key);
  }
});

test("after cleared data, and on a second device at once, a payment is found again and charged once", async () => {
  const { charges, keys, device, pay } = shop();
  expect(await pay(device(), "visa")).toMatchObject({ state: "done" });
  const ends = await Promise.all([pay(device(), "visa"), pay(device(), "visa")]);
  expect(ends).toMatchObject([{ state: "done" }, { state: "done" }]);
  expect([charges, new Set(keys).size]).toEqual([["visa"], 1]);
});

test("two devices that pay at the same moment charge once", async () => {
  const { charges, device, pay } = shop();
  const ends = await Promise.all(Array.from({ length: 4 }, () => pay(device(), "visa")));
  expect(ends.map(({ state }) => state)).toEqual(Array(4).fill("done"));
  expect(charges).toEqual(["visa"]);
});

test("another card after cleared data is unknown, however often it is pressed, and no next try", async () => {
  const { charges, keys, device, pay } = shop();
  await pay(device(), "visa");
  const cleared = device();
  for (let presses = 0; presses < 3; presses += 1) {
    expect(await pay(cleared, "amex")).toMatchObject({ state: "unknown", why: "answered", answer: { status: 422 } });
  }
  expect([charges, new Set(keys).size]).toEqual([["visa"], 1]);
});

test("a card that was declined is a next try with a next key, also after cleared data", async () => {
  const { charges, keys, device, pay } = shop();
  const first = device();
  expect(await pay(first, "declined")).toMatchObject({ state: "failed", answer: { status: 402 } });
  expect(await pay(first, "visa")).toMatchObject({ state: "done" });
  const cleared = device();
  expect(await pay(cleared, "declined")).toMatchObject({ state: "failed" });
  expect(await pay(cleared, "visa")).toMatchObject({ state: "done" });
  expect([charges, new Set(keys).size]).toEqual([["visa"], 2]);
});

test("a refusal in front of the key is a failure, and the next try has the same key", async () => {
  const { charges, keys, refusals, device, pay } = shop();
  await pay(device(), "visa");
  const cleared = device();
  refusals.push(403, 403);
  expect(await pay(cleared, "visa")).toMatchObject({ state: "failed", answer: { status: 403 } });
  expect(await pay(cleared, "visa")).toMatchObject({ state: "done" });
  expect([charges, new Set(keys).size]).toEqual([["visa"], 1]);
});

test("a person's word that nothing happened is a next try", async () => {
  const { charges, keys, device, pay } = shop();
  await pay(device(), "visa");
  const cleared = device();
  await pay(cleared, "amex");
  await cleared.settle("pay 42", { state: "failed" });
  expect(await pay(cleared, "amex")).toMatchObject({ state: "done" });
  expect([charges, new Set(keys).size]).toEqual([["visa", "amex"], 2]);
});

test("a seed that was changed makes another key, and an intent that is stored keeps its own", async () => {
  const { charges, keys, device, pay } = shop();
  const path = join(temporaryFolder(), "intents.db");
  await pay(device({ seed: undefined, store: sqliteIntents({ path }) }), "visa");
  expect(await pay(device({ store: sqliteIntents({ path }) }), "visa")).toMatchObject({ state: "done" });
  expect(keys.map(isSeedKey)).toEqual([false]);
  await pay(device({ seed: new TextEncoder().encode("the session's next secret") }), "visa");
  await pay(device(), "visa");
  expect([charges.length, new Set(keys).size]).toEqual([3, 3]);
});

test("a key that the request brings is used instead", async () => {
  const { keys, device } = shop();
  await device().submit("pay 42", { url, headers: { "idempotency-key": "mine" } });
  expect(keys).toEqual(["mine"]);
});

test.for<[string, unknown]>([
  ["8 bytes", new Uint8Array(8)],
  ["a text of 15 bytes", "fifteen letters"],
  ["a number", 7],
])("a seed of %s is refused, by an error without it", async ([, short]) => {
  const { opened } = await intentsBench();
  const refused = expect.objectContaining({
    code: "ONCE_OPTION_INVALID",
    message: expect.not.stringContaining("fifteen") as string,
  });
  expect(() => opened({ seed: short as string })).toThrow(refused);
});

test("a route where all callers share their keys refuses a derived key, and says why", async () => {
  const { charges, device } = shop({ scope: "public" });
  const refused = await device().submit("pay 42", { url, body: "visa" });
  expect(refused).toMatchObject({ state: "failed", answer: { status: 400 } });
  expect(new TextDecoder().decode("answer" in refused ? refused.answer.body : undefined)).toContain(
    "derived from a seed",
  );
  expect(await device({ seed: undefined }).submit("pay 42", { url, body: "visa" })).toMatchObject({ state: "done" });
  expect(charges).toEqual(["visa"]);
});
