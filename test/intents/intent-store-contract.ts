/* oxlint-disable vitest/require-top-level-describe -- The tests of each store put these into a suite of theirs. */
import { setTimeout } from "node:timers/promises";
import { expect, test } from "vitest";
import type {
  AddIntentRequest,
  ClaimedIntent,
  IntentOutcome,
  IntentStore,
} from "../../packages/once-again/src/stores/intent-store.ts";

const answer = {
  status: 201,
  headers: [["content-type", "text/plain"]] as const,
  body: Uint8Array.of(0, 255, 10),
  truncated: false,
};
const done: IntentOutcome = { state: "done", answer };
const claim = { owner: "one", leaseMs: 60_000, limit: 10 };
const retained = { retentionMs: 60_000 };

function request(id: string, more: Partial<AddIntentRequest> = {}): AddIntentRequest {
  return {
    id,
    key: `key of ${id}`,
    fingerprint: "f",
    request: {
      method: "POST",
      url: "http://shop.example/orders",
      headers: [["x-a", "ä\"'"]],
      body: Uint8Array.of(1, 0, 2),
    },
    giveUpAfterMs: 60_000,
    openMax: 100,
    ...more,
  };
}

/**
 * The contract of every store of intents.
 *
 * @param open gives two connections to one empty store.
 */
export function intentStoreContract(open: () => Promise<readonly [IntentStore, IntentStore]>): void {
  test("what is added is found again, byte for byte, over another connection", async () => {
    const [store, other] = await open();
    const added = await store.add(request("ü-1"));
    expect(added).toMatchObject({ kind: "added", intent: { state: "pending", claims: 0, inDoubt: false } });
    const found = await other.inspect("ü-1");
    expect(found).toMatchObject({ id: "ü-1", key: "key of ü-1", fingerprint: "f", request: request("ü-1").request });
    expect(found!.giveUpAt - found!.createdAt).toBe(60_000);
    await store.add(request("no body", { request: { ...request("").request, body: undefined } }));
    expect((await other.inspect("no body"))?.request.body).toBeUndefined();
    expect(await other.inspect("none")).toBeUndefined();
  });

  test("the same id never becomes two intents, whichever process adds it", async () => {
    const [store, other] = await open();
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, index) =>
        (index % 2 === 0 ? store : other).add(request("order", { key: `key ${index}` })),
      ),
    );
    expect(answers.filter(({ kind }) => kind === "added")).toHaveLength(1);
    const keys = answers.map((found) => (found.kind === "full" ? "" : found.intent.key));
    expect(new Set(keys).size).toBe(1);
  });

  test("one too many is refused; one that is there is found all the same", async () => {
    const [store] = await open();
    await store.add(request("a", { openMax: 1 }));
    expect(await store.add(request("b", { openMax: 1 }))).toEqual({ kind: "full" });
    expect(await store.add(request("a", { openMax: 1 }))).toMatchObject({ kind: "found" });
    await store.claim(claim);
    await store.end({ id: "a", owner: "one", outcome: { state: "unknown", why: "time" }, ...retained });
    expect(await store.add(request("b", { openMax: 1 }))).toEqual({ kind: "full" });
    await store.forget("a");
    expect(await store.add(request("b", { openMax: 1 }))).toMatchObject({ kind: "added" });
  });

  test("of many claims each intent goes to one", async () => {
    const [store, other] = await open();
    for (let index = 0; index < 30; index += 1) await store.add(request(`order ${index}`));
    const claims = await Promise.all(
      Array.from({ length: 12 }, (_, index) =>
        (index % 2 === 0 ? store : other).claim({ ...claim, owner: `owner ${index}`, limit: 4 }),
      ),
    );
    const ids = claims.flatMap(({ intents }) => intents.map(({ id }) => id));
    const rest = (await store.claim({ ...claim, owner: "rest", limit: 100 })).intents.map(({ id }) => id);
    expect([...ids, ...rest].toSorted()).toEqual(Array.from({ length: 30 }, (_, index) => `order ${index}`).toSorted());
  });

  test("a claim says what is claimed, and when the next one is due", async () => {
    const [store] = await open();
    expect(await store.claim(claim)).toEqual({ intents: [], nextMs: undefined });
    await store.add(request("a"));
    const { intents, nextMs } = await store.claim(claim);
    expect(intents).toMatchObject([{ id: "a", claims: 1, inDoubt: false, request: request("a").request }]);
    expect(intents[0]!.msLeft).toBeGreaterThan(0);
    expect(intents[0]!.msLeft).toBeLessThanOrEqual(60_000);
    expect(nextMs).toBeGreaterThan(0);
    expect(nextMs).toBeLessThanOrEqual(60_000);
    expect((await store.claim({ ...claim, owner: "two" })).intents).toEqual([]);
  });

  test("origins that are left out are left where they are, and don't count as due", async () => {
    const [store] = await open();
    const to = (url: string) => ({ request: { ...request("").request, url } });
    for (const [id, url] of [
      ["a", "http://slow.example/orders"],
      ["b", "http://slow.example:81/orders"],
      ["c", "https://shop.example/orders?x='"],
    ] as const) {
      await store.add(request(id, to(url)));
    }
    const claimed = await store.claim({
      ...claim,
      exceptOrigins: ["http://slow.example", "http://slow.example:81", "http://\"'"],
    });
    expect(claimed.intents.map(({ id }) => id)).toEqual(["c"]);
    expect(await store.claim({ ...claim, exceptOrigins: ["http://slow.example", "http://slow.example:81"] })).toEqual({
      intents: [],
      nextMs: expect.any(Number) as number,
    });
    await store.end({ id: "c", owner: "one", outcome: done, ...retained });
    const none = await store.claim({ ...claim, exceptOrigins: ["http://slow.example", "http://slow.example:81"] });
    expect(none).toEqual({ intents: [], nextMs: undefined });
    const rest = await store.claim({ ...claim, exceptOrigins: ["http://slow.example"] });
    expect(rest.intents.map(({ id }) => id)).toEqual(["b"]);
    expect((await store.claim(claim)).intents.map(({ id }) => id)).toEqual(["a"]);
  });

  test("a dead owner's intent is taken over after the lease, and is in doubt", async () => {
    const [store, other] = await open();
    await store.add(request("a"));
    await store.claim({ ...claim, leaseMs: 100 });
    await setTimeout(150);
    const { intents } = await other.claim({ ...claim, owner: "two" });
    expect(intents).toMatchObject([{ id: "a", claims: 2, inDoubt: true }]);
    const late = { id: "a", owner: "one" };
    expect(await store.renew({ ...late, leaseMs: 1000 })).toBe(false);
    expect(await store.postpone({ ...late, delayMs: 0, inDoubt: false })).toBe(false);
    expect(await store.end({ ...late, outcome: done, ...retained })).toBe(false);
    expect(await store.inspect("a")).toMatchObject({ state: "pending", claims: 2 });
  });

  test("a renewed lease is not taken over", async () => {
    const [store, other] = await open();
    await store.add(request("a"));
    await store.claim({ ...claim, leaseMs: 100 });
    expect(await store.renew({ id: "a", owner: "one", leaseMs: 60_000 })).toBe(true);
    await setTimeout(150);
    expect((await other.claim({ ...claim, owner: "two" })).intents).toEqual([]);
  });

  test("a postponed intent is claimed when its delay is over, in doubt or not as it was said", async () => {
    const [store] = await open();
    await store.add(request("a"));
    await store.claim(claim);
    expect(await store.postpone({ id: "a", owner: "one", delayMs: 60_000, inDoubt: true })).toBe(true);
    expect((await store.claim({ ...claim, owner: "two" })).intents).toEqual([]);
    await store.add(request("b"));
    await store.claim({ ...claim, owner: "three" });
    await store.postpone({ id: "b", owner: "three", delayMs: 20, inDoubt: false });
    await setTimeout(60);
    const { intents } = await store.claim({ ...claim, owner: "four" });
    expect(intents).toMatchObject([{ id: "b", inDoubt: false, postponedMs: 20, claims: 2 }]);
    expect(await store.inspect("a")).toMatchObject({ inDoubt: true, leaseUntil: 0, postponedMs: 60_000 });
  });

  test("one that is postponed beyond its end is claimed at its end, and not before", async () => {
    const [store] = await open();
    await store.add(request("a", { giveUpAfterMs: 100 }));
    await store.claim(claim);
    await store.postpone({ id: "a", owner: "one", delayMs: 600_000_000, inDoubt: true });
    const claimed: ClaimedIntent[] = [];
    await expect
      .poll(async () => claimed.push(...(await store.claim({ ...claim, owner: "two" })).intents), { interval: 1 })
      .toBe(1);
    expect(claimed[0]!.msLeft).toBeLessThanOrEqual(0);
  });

  test.for<IntentOutcome>([
    done,
    { state: "failed", why: "answered", answer: { ...answer, body: new Uint8Array(), truncated: true } },
    { state: "failed", why: "unsendable" },
    { state: "failed", why: "time" },
    { state: "unknown", why: "answered", answer },
    { state: "unknown", why: "time" },
  ])("an outcome is stored as it is: %o", async (outcome) => {
    const [store, other] = await open();
    await store.add(request("a"));
    await store.claim(claim);
    const end = { id: "a", owner: "one", outcome, ...retained };
    expect(await store.end(end)).toBe(true);
    expect(await store.end(end)).toBe(true);
    const found = await other.inspect("a");
    expect(found).toMatchObject(outcome);
    expect("answer" in found!).toBe("answer" in outcome);
    expect(await store.postpone({ id: "a", owner: "one", delayMs: 0, inDoubt: false })).toBe(false);
    expect(await store.renew({ id: "a", owner: "one", leaseMs: 1000 })).toBe(false);
    expect(await store.claim({ ...claim, owner: "two" })).toEqual({ intents: [], nextMs: undefined });
  });

  test("they are listed in the order of their ids, by state and page", async () => {
    const [store] = await open();
    for (const id of ["b", "a", "B", "é", "_"]) await store.add(request(id));
    await store.claim({ ...claim, limit: 1 });
    await store.end({ id: "b", owner: "one", outcome: done, ...retained });
    const ids = async (page: Parameters<IntentStore["list"]>[0]) => (await store.list(page)).map(({ id }) => id);
    expect(await ids({})).toEqual(["B", "_", "a", "b", "é"]);
    expect(await ids({ state: "pending", limit: 2, after: "B" })).toEqual(["_", "a"]);
    expect(await ids({ state: "done" })).toHaveLength(1);
    await expect(store.list({ limit: 0 })).rejects.toMatchObject({ code: "ONCE_OPTION_INVALID" });
  });

  test("only what is unknown is settled or opened again, and its owner's late end changes neither", async () => {
    const [store, other] = await open();
    const unknown: IntentOutcome = { state: "unknown", why: "keys" };
    for (const id of ["pending", "done", "settled", "opened"]) await store.add(request(id));
    await store.claim({ ...claim, limit: 4 });
    await store.end({ id: "done", owner: "one", outcome: done, ...retained });
    for (const id of ["settled", "opened"]) await store.end({ id, owner: "one", outcome: unknown, ...retained });
    for (const id of ["pending", "done", "none"]) {
      expect(await store.settle({ id, outcome: done, ...retained }), id).toBe(false);
      expect(await store.reopen(id), id).toBe(false);
    }
    expect(await store.settle({ id: "settled", outcome: done, ...retained })).toBe(true);
    expect(await store.reopen("opened")).toBe(true);
    for (const id of ["settled", "opened"]) {
      expect(await store.end({ id, owner: "one", outcome: unknown, ...retained }), id).toBe(false);
    }
    expect(await other.inspect("settled")).toMatchObject({ state: "done", answer });
    expect(await other.inspect("opened")).toMatchObject({ state: "pending", inDoubt: true, leaseUntil: 0, claims: 1 });
    const { intents } = await other.claim({ ...claim, owner: "two" });
    expect(intents.map(({ id }) => id)).toEqual(["opened"]);
    expect(intents[0]!.key).toBe("key of opened");
  });

  test("only what has ended is forgotten, and of that only what is not unknown is purged", async () => {
    const [store] = await open();
    for (const [id, outcome] of [
      ["done", done],
      ["unknown", { state: "unknown", why: "time" }],
      ["failed", { state: "failed", why: "time" }],
    ] as const) {
      await store.add(request(id));
      await store.claim(claim);
      await store.end({ id, owner: "one", outcome, retentionMs: 0 });
    }
    await store.add(request("pending"));
    await store.add(request("retained"));
    await store.claim({ ...claim, limit: 100 });
    await store.end({ id: "retained", owner: "one", outcome: done, ...retained });
    expect(await store.purge({ limit: 1 })).toBe(1);
    expect(await store.purge({ limit: 100 })).toBe(1);
    expect((await store.list({})).map(({ id }) => id)).toEqual(["pending", "retained", "unknown"]);
    expect(await store.forget("pending")).toBe(false);
    expect(await store.forget("none")).toBe(false);
    expect(await store.forget("unknown")).toBe(true);
    expect(await store.inspect("unknown")).toBeUndefined();
  });
}
