import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { intentsBench } from "../../../../test/support/intents-bench.ts";
import { type Act, answer, breakOff, hang, reset } from "../../../../test/support/scripted-server.ts";
import type { IntentInput } from "./intent-input.ts";
import type { Clock } from "../core/clock.ts";
import { systemClock } from "../core/system-clock.ts";

describe("an intent", () => {
  test("is on disk, key and whole request, before the server gets it", async () => {
    const { server, openedStore, opened, order } = await intentsBench();
    const { intents } = opened();
    const other = openedStore();
    let found: unknown;
    server.script.push(async (response, request) => {
      found = await other.inspect("order-1");
      answer(201)(response, request);
    });
    const outcome = await intents.submit("order-1", order());
    expect(outcome).toMatchObject({ state: "done", answer: { status: 201, truncated: false } });
    const [received] = server.received;
    expect(found).toMatchObject({ state: "pending", key: received!.key, claims: 1, request: { method: "POST" } });
    expect(received).toMatchObject({ method: "POST", body: order().body, type: "application/json" });
    expect(await intents.inspect("order-1")).toMatchObject({ state: "done", answer: { status: 201 } });
  });

  test("is one, however often its id is submitted, and its response is stored", async () => {
    const { server, opened, order } = await intentsBench();
    const { intents } = opened();
    const all = await Promise.all(Array.from({ length: 10 }, () => intents.submit("order-1", order())));
    all.push(await intents.submit("order-1", order({ body: '{ "amount": 420, "item": "coffee" }' })));
    expect(server.received).toHaveLength(1);
    for (const outcome of all) expect(outcome).toEqual(all[0]);
  });

  test.for<[string, Partial<IntentInput>]>([
    ["body", { body: '{"item":"tea","amount":420}' }],
    ["method", { method: "PUT" }],
    ["media type", { headers: { "content-type": "text/plain" } }],
    ["host", { url: "http://other.example/orders" }],
  ])("of the same id with another %s is refused", async ([, difference]) => {
    const { server, opened, order } = await intentsBench();
    const { intents } = opened();
    await intents.submit("order-1", order());
    await expect(intents.submit("order-1", order(difference))).rejects.toMatchObject({ code: "ONCE_INTENT_CONFLICT" });
    expect(server.received).toHaveLength(1);
  });

  test.for<[string, Act]>([
    ["no answer", reset],
    ["a time-out", hang],
    ["half an answer", breakOff],
    ["a 502", answer(502)],
    ["a 503", answer(503)],
    ["one in progress", answer(409, { "retry-after": "0" })],
  ])("goes on after %s, in this sending and in the next, with the same key and the same bytes", async ([, fault]) => {
    const { server, opened, order } = await intentsBench();
    const attemptTimeoutMs = 200_000;
    const timeOuts = new Set<() => void>();
    // The time of an attempt is over when the server has it, and not before.
    const timer: Clock["timer"] = (ms, callback) => {
      if (ms !== attemptTimeoutMs) return systemClock.timer(ms, callback);
      timeOuts.add(callback);
      return () => void timeOuts.delete(callback);
    };
    const { intents, events } = opened({ attemptTimeoutMs, clock: { ...systemClock, timer } });
    const act: Act = (response, request) => {
      if (fault === hang) for (const timeOut of [...timeOuts]) timeOut();
      return fault(response, request);
    };
    server.script.push(act, act, act);
    expect(await intents.submit("order-1", order())).toMatchObject({ state: "done", answer: { status: 200 } });
    expect(server.received).toHaveLength(4);
    expect(new Set(server.received.map((request) => JSON.stringify(request))).size).toBe(1);
    expect(events.map(({ type }) => type).filter((type) => type !== "fetch")).toEqual([
      "added",
      "sending",
      "postponed",
      "sending",
      "ended",
    ]);
  });

  test("uses the key that it brings", async () => {
    const { server, opened, order } = await intentsBench();
    const { intents } = opened({ keyFormat: "structured" });
    await intents.submit("order-1", order({ headers: { "Idempotency-Key": "mine" } }));
    expect(server.received).toMatchObject([{ key: '"mine"' }]);
    await expect(intents.add("order-2", order({ headers: { "Idempotency-Key": "" } }))).rejects.toMatchObject({
      code: "ONCE_KEY_INVALID",
    });
  });

  test.for<[string, IntentInput["body"], string | RegExp]>([
    ["text", "ä", "ä"],
    ["bytes", Uint8Array.of(65, 66), "AB"],
    ["a Blob", new Blob(["blob"]), "blob"],
    ["a form", new URLSearchParams({ a: "1 2" }), "a=1+2"],
    ["a multipart form", formData(), /name="a"\r\n\r\nform/],
    ["nothing", undefined, ""],
  ])("sends %s", async ([, body, expected]) => {
    const { server, opened } = await intentsBench();
    const { intents } = opened();
    server.script.push(reset);
    await intents.submit("order-1", { url: server.url, body });
    expect(server.received[0]!.body).toMatch(expected);
    expect(server.received[1]).toEqual(server.received[0]);
  });
});

function formData(): FormData {
  const form = new FormData();
  form.set("a", "form");
  return form;
}

describe("secrets", () => {
  test("are supplied at each attempt, and are nowhere in the store's files", async () => {
    const { path, server, opened, order } = await intentsBench();
    let token = 0;
    const { intents, events } = opened({
      headersAtSend: async ({ id }) => ({ authorization: `Bearer sesame-${id}-${(token += 1)}` }),
    });
    server.script.push(reset, answer(401));
    await intents.submit("a", order());
    expect(server.received.map(({ authorization }) => authorization)).toEqual(
      [1, 2, 3].map((attempt) => `Bearer sesame-a-${attempt}`),
    );
    expect(events).toContainEqual(expect.objectContaining({ type: "postponed" }));
    for (const suffix of ["", "-wal"]) expect(readFileSync(path + suffix).includes("sesame")).toBe(false);
  });

  test("that can't be had fail the attempt, and nothing is sent or put in doubt", async () => {
    const { server, opened, order } = await intentsBench();
    let asked = 0;
    const { intents, events } = opened({
      headersAtSend: () => {
        asked += 1;
        if (asked < 4) throw new Error("no token");
        return {};
      },
    });
    expect(await intents.submit("a", order())).toMatchObject({ state: "done" });
    expect(server.received).toHaveLength(1);
    expect(events.filter(({ type }) => type === "postponed")).toMatchObject([{ inDoubt: false }]);
  });

  test("in a response's cookies are not stored", async () => {
    const { server, opened, order } = await intentsBench();
    const { intents } = opened();
    server.script.push(answer(201, { "set-cookie": "session=sesame", "x-order": "7" }));
    const outcome = await intents.submit("a", order());
    expect(outcome).toMatchObject({ answer: { headers: expect.arrayContaining([["x-order", "7"]]) as unknown } });
    expect(JSON.stringify(outcome)).not.toContain("sesame");
  });
});

test("a listener that throws breaks nothing; one that was removed is not called any more", async () => {
  const { opened, order } = await intentsBench();
  const { intents } = opened();
  intents.watch(() => {
    throw new Error("listener");
  });
  intents.watch(() => Promise.reject(new Error("listener")));
  const heard: string[] = [];
  const unwatch = intents.watch(({ type }) => heard.push(type));
  await intents.submit("a", order());
  unwatch();
  await intents.submit("b", order());
  expect(heard).toEqual(["added", "sending", "fetch", "fetch", "ended"]);
});

test("with nothing to do resume resolves at once, and close may be called twice", async () => {
  const { opened } = await intentsBench();
  const { intents } = opened();
  await intents.resume();
  await intents.close();
  await intents.close();
  await expect(intents.resume()).rejects.toMatchObject({ code: "ONCE_CLOSED" });
});
