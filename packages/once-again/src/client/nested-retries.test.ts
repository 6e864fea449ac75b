import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { answer, reset, scriptedServer } from "../../../../test/support/scripted-server.ts";
import { errorVerdict } from "../delivery/index.ts";
import { onceWeb } from "../frameworks/web.ts";
import { retry } from "../retry/index.ts";
import { NoEffectError } from "../engine/index.ts";
import { memoryStore } from "../stores/memory/index.ts";
import { retryingFetch } from "./retrying-fetch.ts";

const post = { method: "POST", body: "tea" };
const fast = { attemptsMax: 3, keys: true as const, backoff: () => 0, budget: "off" } as const;

/** A service that takes an order, dies with the answer, and refuses connections from then on. */
async function dyingService() {
  let orders = 0;
  const server = createServer((request) => {
    orders += 1;
    server.close();
    request.socket.resetAndDestroy();
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${port}/orders`, orders: () => orders, server };
}

test("after an effect, a service that refuses connections leaves a doubt that no wrapper takes away", async () => {
  const { url, orders } = await dyingService();
  const error: unknown = await retryingFetch(fast)(url, post).catch((thrown: unknown) => thrown);
  expect(orders()).toBe(1);
  expect(error).toMatchObject({ code: "ONCE_OUTCOME_UNKNOWN", cause: { cause: { cause: { code: "ECONNREFUSED" } } } });
  expect(errorVerdict(error)).toMatchObject({ delivery: "unknown", transient: false });
  const again = await dyingService();
  const general: unknown = await retry(() => fetch(again.url, post), { attemptsMax: 3, backoff: () => 0 }).catch(
    (thrown: unknown) => thrown,
  );
  expect(general).toMatchObject({ code: "ONCE_ATTEMPTS_EXHAUSTED" });
  expect(errorVerdict(general).delivery).toBe("unknown");
});

test("a call that was only ever refused says so, and is believed", async () => {
  const { url, server } = await dyingService();
  server.close();
  await once(server, "close");
  const error: unknown = await retryingFetch(fast)(url, post).catch((thrown: unknown) => thrown);
  expect(error).toMatchObject({ code: "ONCE_ATTEMPTS_EXHAUSTED", details: { attempts: 3, noEffect: true } });
  expect(errorVerdict(error).delivery).toBe("never");
});

test("the guide's handler, which frees its key when nothing happened, keeps it after an effect further down", async () => {
  const { url, orders } = await dyingService();
  const pay = retryingFetch(fast);
  const shop = onceWeb({ store: memoryStore(), scope: "public" }, async () => {
    try {
      return await pay(url, post);
    } catch (error) {
      if (errorVerdict(error).delivery === "never") throw new NoEffectError("nothing happened");
      throw error;
    }
  });
  const send = (): Promise<Response> =>
    shop(new Request("http://shop.example/", { ...post, headers: { "idempotency-key": "order-1" } }));
  const statuses = [(await send()).status, (await send()).status];
  expect(statuses).not.toContain(503);
  expect(orders()).toBe(1);
});

test.each(["off", true] as const)("one retrying fetch over another, keys %s, adds nothing to it", async (keys) => {
  const server = await scriptedServer();
  server.script.push(...Array.from({ length: 50 }, () => reset));
  const inner = retryingFetch({ ...fast, attemptsMax: 5 });
  const outer = retryingFetch({ ...fast, attemptsMax: 5, keys, fetch: inner });
  await expect(outer(server.url, post)).rejects.toMatchObject({ code: "ONCE_OUTCOME_UNKNOWN" });
  expect(server.received).toHaveLength(5);
  expect(new Set(server.received.map(({ key }) => key)).size).toBe(1);
});

test("three services that retry, one behind the other, are no more than the innermost one's attempts", async () => {
  const server = await scriptedServer();
  server.script.push(...Array.from({ length: 200 }, () => reset));
  const third = retryingFetch(fast);
  const second = retryingFetch({ ...fast, fetch: third });
  await expect(retryingFetch({ ...fast, fetch: second })(server.url)).rejects.toMatchObject({
    code: "ONCE_ATTEMPTS_EXHAUSTED",
  });
  expect(server.received).toHaveLength(3);
});

test("it may stand in the platform's place, and does not call itself", async () => {
  const server = await scriptedServer();
  const platform = globalThis.fetch;
  onTestFinished(() => void (globalThis.fetch = platform));
  globalThis.fetch = retryingFetch(fast);
  server.script.push(answer(500));
  expect((await fetch(server.url, post)).status).toBe(200);
  globalThis.fetch = retryingFetch(fast);
  expect((await fetch(server.url)).status).toBe(200);
  expect(server.received).toHaveLength(3);
});

test("what sends is called without a receiver, as browsers demand it", async () => {
  const receivers: unknown[] = [];
  const strict: typeof fetch = async function (this: unknown) {
    receivers.push(this);
    return new Response("fine");
  };
  await retryingFetch({ fetch: strict })("http://shop.example/");
  expect(receivers).toEqual([undefined]);
});

test("it looks and takes its arguments as the platform's own does", async () => {
  const server = await scriptedServer();
  const call = retryingFetch(fast);
  expect([call.name, call.length]).toEqual(["fetch", 1]);
  expect((await call(server.url, null)).status).toBe(200);
  for (const signal of [{}, "x", { aborted: false, addEventListener: () => undefined }]) {
    await expect(call(server.url, { signal: signal as never })).rejects.toThrow(/signal/i);
  }
  expect(server.received).toHaveLength(1);
});

test("a Request keeps what it says of its referrer", async () => {
  const given: Request[] = [];
  const noting = retryingFetch({ fetch: async (input) => (given.push(input as Request), new Response("")) });
  await noting(new Request("http://shop.example/", { referrerPolicy: "no-referrer", referrer: "" }));
  await noting(new Request("http://shop.example/", { referrerPolicy: "origin" }), { method: "GET" });
  expect(given.map(({ referrerPolicy }) => referrerPolicy)).toEqual(["no-referrer", "origin"]);
  expect(given[0]?.referrer).toBe("");
});

test("while an attempt is in doubt, a conflict of the server's may be that attempt, and is waited out", async () => {
  const server = await scriptedServer();
  server.script.push(reset, answer(409));
  expect((await retryingFetch(fast)(server.url, post)).status).toBe(200);
  server.script.push(answer(409));
  expect((await retryingFetch(fast)(server.url, post)).status).toBe(409);
});
