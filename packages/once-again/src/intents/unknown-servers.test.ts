import { describe, expect, test } from "vitest";
import { answer, reset } from "../../../../test/support/scripted-server.ts";
import { intentsBench } from "../../../../test/support/intents-bench.ts";

// A request that may have arrived at a server not known to honour keys is not sent again, and people can settle it.

const policy = { "idempotency-key-policy": "required, retention=86400, key-length=255" };
const unnamed = { keys: undefined };

describe("an intent at a server that is not known to honour keys", () => {
  test("ends as unknown when its response is lost, after one request", async () => {
    const { server, opened, order } = await intentsBench();
    server.script.push(reset);
    const { intents } = opened(unnamed);
    expect(await intents.submit("order-1", order())).toEqual({ state: "unknown", why: "keys" });
    expect(await intents.submit("order-1", order())).toEqual({ state: "unknown", why: "keys" });
    expect(server.received).toHaveLength(1);
  });

  test.each([500, 502, 503])("ends as unknown with its response when that is a %i", async (status) => {
    const { server, opened, order } = await intentsBench();
    server.script.push(answer(status, { "retry-after": "0" }));
    const outcome = await opened(unnamed).intents.submit("order-1", order());
    expect(outcome).toMatchObject({ state: "unknown", why: "answered", answer: { status } });
    expect(server.received).toHaveLength(1);
  });

  test("is sent again where it was refused, or never arrived", async () => {
    const { server, opened, order } = await intentsBench();
    server.script.push(answer(429), answer(425));
    let refusals = 2;
    const { intents } = opened({
      ...unnamed,
      fetch: (input, init) => {
        refusals -= 1;
        if (refusals >= 0) throw Object.assign(new Error("connect"), { code: "ECONNREFUSED" });
        return fetch(input, init);
      },
    });
    expect(await intents.submit("order-1", order())).toMatchObject({ state: "done", answer: { status: 200 } });
    expect(new Set(server.received.map(({ key }) => key)).size).toBe(1);
  });

  test("is sent again once the server has said so to another intent", async () => {
    const { server, opened, order } = await intentsBench();
    server.script.push(answer(201, policy), reset);
    const { intents } = opened(unnamed);
    await intents.submit("order-1", order());
    expect(await intents.submit("order-2", order())).toMatchObject({ state: "done" });
    expect(server.received).toHaveLength(3);
  });

  test("is not sent again to where a redirect leads", async () => {
    const [bench, other] = [await intentsBench(), await intentsBench()];
    const redirect = answer(307, { location: other.server.url });
    bench.server.script.push(redirect, redirect, redirect);
    other.server.script.push(reset);
    const { intents } = bench.opened({ keys: [new URL(bench.server.url).origin] });
    expect(await intents.submit("order-1", bench.order())).toEqual({ state: "unknown", why: "keys" });
    expect(other.server.received).toHaveLength(1);
  });

  test("is not sent by who takes it over from a process that died", async () => {
    const { server, opened, openedStore, order, letTimePass } = await intentsBench();
    await leaveInDoubt(openedStore(), order());
    letTimePass(200);
    const { intents } = opened(unnamed);
    await intents.resume();
    expect(await intents.inspect("order-1")).toMatchObject({ state: "unknown", why: "keys" });
    expect(server.received).toEqual([]);
  });
});

describe("an intent that is unknown", () => {
  test("is sent again with its own key when a person says so, once its server is named", async () => {
    const { server, opened, order } = await intentsBench();
    server.script.push(reset);
    const { intents } = opened(unnamed);
    await intents.submit("order-1", order());
    expect(await intents.sendAgain("order-1")).toBe(true);
    await intents.resume();
    expect(await intents.inspect("order-1")).toMatchObject({ state: "unknown", why: "keys" });
    expect(server.received).toHaveLength(1);
    await intents.close();
    const named = opened({ keys: [new URL(server.url).origin] });
    expect(await named.intents.sendAgain("order-1")).toBe(true);
    expect(await named.intents.submit("order-1", order())).toMatchObject({ state: "done", answer: { status: 200 } });
    expect(server.received.map(({ key }) => key)).toEqual([server.received[0]!.key, server.received[0]!.key]);
    expect(await named.intents.sendAgain("order-1")).toBe(false);
  });

  test("keeps the end of its time when it is sent again", async () => {
    const { server, opened, order, letTimePass } = await intentsBench();
    server.script.push(reset);
    const { intents } = opened(unnamed);
    await intents.submit("order-1", order());
    letTimePass(24 * 3_600_000);
    expect(await intents.sendAgain("order-1")).toBe(true);
    expect(await intents.submit("order-1", order())).toEqual({ state: "unknown", why: "time" });
    expect(server.received).toHaveLength(1);
  });

  test.each([
    [{ state: "done", answer: { status: 201 } } as const, { state: "done", answer: { status: 201 } }],
    [{ state: "failed" } as const, { state: "failed", why: "settled" }],
  ])("ends as a person has found it: %j", async (found, outcome) => {
    const { server, opened, order } = await intentsBench();
    server.script.push(reset);
    const { intents } = opened(unnamed);
    await intents.submit("order-1", order());
    expect(await intents.settle("order-1", found)).toBe(true);
    expect(await intents.submit("order-1", order())).toMatchObject(outcome);
    expect(await intents.settle("order-1", found)).toBe(false);
    expect(await intents.list({ state: "unknown" })).toEqual([]);
    expect(server.received).toHaveLength(1);
  });

  test.each([undefined, "done", { state: "unknown" }, { state: "done" }, { state: "done", answer: { status: 7 } }])(
    "is not settled as %j",
    async (outcome) => {
      const { intents } = (await intentsBench()).opened();
      await expect(intents.settle("order-1", outcome as never)).rejects.toMatchObject({ code: "ONCE_OPTION_INVALID" });
    },
  );
});

/** A process that died while it sent: its claim's lease is over in 100 ms. */
async function leaveInDoubt(store: ReturnType<Bench["openedStore"]>, input: ReturnType<Bench["order"]>) {
  const { openIntents } = await import("./open-intents.ts");
  const intents = openIntents({ store: { ...store, claim: async () => ({ intents: [], nextMs: undefined }) } });
  await intents.add("order-1", input);
  await intents.close();
  await store.claim({ owner: "dead", leaseMs: 100, limit: 1 });
}

type Bench = Awaited<ReturnType<typeof intentsBench>>;
