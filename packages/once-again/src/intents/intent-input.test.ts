import { describe, expect, test } from "vitest";
import { intentsBench } from "../../../../test/support/intents-bench.ts";
import { answer } from "../../../../test/support/scripted-server.ts";
import type { IntentInput } from "./intent-input.ts";
import { memoryStore } from "../stores/memory/index.ts";
import { openIntents } from "./open-intents.ts";

describe("a refused intent is neither stored nor sent", () => {
  test.for<[string, string, Partial<IntentInput>]>([
    ["a stream", "ONCE_BODY_NOT_REPLAYABLE", { body: new Response("x").body as never }],
    ["a function", "ONCE_BODY_NOT_REPLAYABLE", { body: (() => "x") as never }],
    ["a long body", "ONCE_BODY_TOO_LARGE", { body: "x".repeat(101) }],
    ["Authorization", "ONCE_INTENT_SECRET", { headers: { Authorization: "Bearer secret" } }],
    ["Cookie", "ONCE_INTENT_SECRET", { headers: { cookie: "secret" } }],
    ["Proxy-Authorization", "ONCE_INTENT_SECRET", { headers: { "proxy-authorization": "secret" } }],
    ["a header that secretHeaders names", "ONCE_INTENT_SECRET", { headers: { "x-shop-pin": "secret" } }],
    ...[
      "api-key",
      "apikey",
      "ocp-apim-subscription-key",
      "private-token",
      "x-access-token",
      "x-amz-security-token",
      "x-api-key",
      "x-auth-token",
      "x-functions-key",
      "x-goog-api-key",
      "x-session-id",
      "x-vault-token",
      "x_secret",
    ].map((name): [string, string, Partial<IntentInput>] => [
      name,
      "ONCE_INTENT_SECRET",
      { headers: { [name]: "secret" } },
    ]),
  ])("%s: %s", async ([, code, input]) => {
    const { opened, order } = await intentsBench();
    const { intents } = opened({ bodyBytesMax: 100, secretHeaders: ["X-Shop-Pin"] });
    await expect(intents.submit("order-1", order(input))).rejects.toMatchObject({ code });
    expect(await intents.list()).toEqual([]);
  });

  test("the same id for another tenant, or with any other header but a trace's, is a conflict", async () => {
    const { server, opened, order } = await intentsBench();
    const { intents } = opened({ headersAtSend: () => ({ authorization: `Bearer ${Math.random()}` }) });
    const headers = { "content-type": "application/json", "x-account": "acme" };
    expect(await intents.submit("a", order({ headers }))).toMatchObject({ state: "done" });
    for (const other of [{ "x-account": "evil" }, { "x-account": "acme", "accept-language": "de" }, {}]) {
      const request = order({ headers: { "content-type": "application/json", ...other } as Record<string, string> });
      await expect(intents.submit("a", request)).rejects.toMatchObject({ code: "ONCE_INTENT_CONFLICT" });
    }
    const traced = { ...headers, traceparent: "00-1-2-01", "X-Request-Id": "7" };
    expect(await intents.submit("a", order({ headers: traced }))).toMatchObject({ state: "done" });
    await expect(
      intents.submit("a", order({ headers: { ...headers, "idempotency-key": "mine" } })),
    ).rejects.toMatchObject({ code: "ONCE_INTENT_CONFLICT" });
    expect(server.received).toHaveLength(1);
  });

  test("ordinary headers are no secrets", async () => {
    const { opened, order } = await intentsBench();
    const { intents } = opened();
    const headers = { "x-account": "acme", "idempotency-key": "k", "x-author": "a", "x-keyboard": "b", accept: "*/*" };
    expect(await intents.submit("a", order({ headers }))).toMatchObject({ state: "done" });
  });

  test("a malformed id, and an input that is no request", async () => {
    const { opened, order } = await intentsBench();
    const { intents } = opened();
    for (const id of ["", "x".repeat(256), "a\0b", "\ud800", 7 as never]) {
      await expect(intents.add(id, order())).rejects.toMatchObject({ code: "ONCE_OPTION_INVALID" });
    }
    await expect(intents.add("a", order({ url: "/orders" }))).rejects.toThrow(TypeError);
    await expect(intents.add("a", order({ url: "http://user:secret@shop.example/" }))).rejects.toThrow(TypeError);
    expect(await intents.list()).toEqual([]);
  });

  test("one more than may be open; one that ends makes room", async () => {
    const { server, opened, order } = await intentsBench();
    const { intents } = opened({ openMax: 1 });
    server.script.push(answer(500, { "idempotent-replayed": "true" }));
    expect(await intents.submit("a", order())).toMatchObject({ state: "unknown" });
    await expect(intents.submit("b", order())).rejects.toMatchObject({ code: "ONCE_INTENTS_FULL" });
    expect(await intents.forget("a")).toBe(true);
    expect(await intents.submit("b", order())).toMatchObject({ state: "done" });
  });

  test("options out of bounds", async () => {
    const { openedStore } = await intentsBench();
    const store = openedStore();
    for (const wrong of [
      { leaseMs: 99 },
      { concurrency: 0 },
      { concurrencyPerOrigin: 0 },
      { giveUpAfterMs: 0.5 },
      { pollMs: 0 },
      { attemptsMax: 0 },
    ]) {
      expect(() => openIntents({ store, ...wrong })).toThrow(expect.objectContaining({ code: "ONCE_OPTION_INVALID" }));
    }
  });

  test.for([
    ["none", undefined],
    ["one of keys", memoryStore()],
    ["a URL", "sqlite:intents.db"],
    ["null", null],
  ] as const)("a store that is %s", ([, store]) => {
    expect(() => openIntents({ store, keys: "off" } as never)).toThrow("store must be a store of intents");
  });
});
