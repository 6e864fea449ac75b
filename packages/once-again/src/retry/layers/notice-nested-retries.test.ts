import Anthropic from "@anthropic-ai/sdk";
import { AsyncCaller } from "@langchain/core/utils/async_caller";
import ky from "ky";
import OpenAI from "openai";
import pRetry from "p-retry";
import { expect, onTestFinished, test, vi } from "vitest";
import { answer, scriptedServer } from "../../../../../test/support/scripted-server.ts";
import { retryingFetch } from "../../client/index.ts";
import { type NestedRetries, type NestedRetriesOptions, noticeNestedRetries } from "./notice-nested-retries.ts";

const quick = { minTimeout: 1, maxTimeout: 1 };
const refusal = { error: { message: "busy" } };
const busy = (): Response => Response.json(refusal, { status: 503, headers: { "retry-after-ms": "1" } });

/** A fetch with a server that is always busy, its calls, and its findings. */
function noticing(options: NestedRetriesOptions = {}, respond: () => Response = busy) {
  const found: NestedRetries[] = [];
  const inits: (RequestInit & { within?: { number: number } })[] = [];
  const send = async (_input: unknown, init: RequestInit = {}): Promise<Response> => (inits.push(init), respond());
  const fetch = noticeNestedRetries(send, { onFound: (nested) => found.push(nested), ...options });
  return { fetch, found, inits };
}

const ask = { model: "m", messages: [] };
const callers: Record<string, (fetch: typeof globalThis.fetch) => Promise<unknown>> = {
  openai: (fetch) => new OpenAI({ apiKey: "none", fetch, maxRetries: 1 }).chat.completions.create(ask),
  "@anthropic-ai/sdk": (fetch) =>
    new Anthropic({ apiKey: "none", fetch, maxRetries: 1 }).messages.create({ ...ask, max_tokens: 1 }),
  ky: (fetch) => ky.get("http://shop.example/", { fetch, retry: { limit: 1, delay: () => 1 } }),
  "p-retry": (fetch) =>
    pRetry(async () => expect((await fetch("http://shop.example/")).ok).toBe(true), { ...quick, retries: 1 }),
  "@langchain/core": (fetch) =>
    new AsyncCaller({ maxRetries: 1 }).call(async () => expect((await fetch("http://shop.example/")).ok).toBe(true)),
};

test.for(Object.entries(callers))("retries of %s are found at its second attempt", async ([name, call]) => {
  const { fetch, found, inits } = noticing();
  await call(fetch).catch(() => undefined);
  expect(inits).toHaveLength(2);
  expect(found).toHaveLength(1);
  expect(found[0]!.libraries).toContain(name);
  expect(found[0]!).toMatchObject({ calls: 2, text: expect.stringContaining("once-again 5") });
});

test("the layers are named with the product of their attempts", async () => {
  const { fetch, found } = noticing({ attemptsMax: 4 });
  const caller = new AsyncCaller({ maxRetries: 1 });
  const openai = new OpenAI({ apiKey: "none", fetch: fetch, maxRetries: 0 });
  await caller.call(() => openai.chat.completions.create(ask)).catch(() => undefined);
  expect(found[0]).toMatchObject({ libraries: ["openai", "@langchain/core"], requestsMax: 3 * 7 * 4 });
  expect(found[0]!.text).toContain("(openai 3 x @langchain/core 7 x once-again 4)");
});

test("a library with its retries off is not reported, nor is one that calls twice with success", async () => {
  const { fetch, found } = noticing();
  const openai = new OpenAI({ apiKey: "none", fetch: fetch, maxRetries: 0 });
  await openai.chat.completions.create(ask).catch(() => undefined);
  const well = noticing({}, () => Response.json({ choices: [] }));
  const happy = new OpenAI({ apiKey: "none", fetch: well.fetch });
  await happy.chat.completions.create(ask);
  await happy.chat.completions.create(ask);
  expect([...found, ...well.found]).toEqual([]);
});

test("calls of the program itself are its own affair", async () => {
  const { fetch, found } = noticing();
  for (let call = 0; call < 3; call += 1) await fetch("http://shop.example/");
  expect(found).toEqual([]);
});

test("a stack is read of a call that follows an equal one that failed, and of no other", async () => {
  const { prepareStackTrace } = Error;
  let stacks = 0;
  onTestFinished(() => void (Error.prepareStackTrace = prepareStackTrace));
  Error.prepareStackTrace = (error) => {
    if (error.message === "stack") stacks += 1;
    return "";
  };
  let status = 200;
  const { fetch } = noticing({}, () => new Response(null, { status }));
  const call = (path: string) => fetch(`http://shop.example/${path}`, { method: "POST", body: "{}" });
  for (let count = 0; count < 100; count += 1) await call("orders");
  status = 503;
  await call("orders");
  await call("others");
  expect(stacks).toBe(0);
  await call("orders");
  expect(stacks).toBe(1);
});

test("arguments that no fetch takes are refused by the inner fetch alone", async () => {
  const refusal = new TypeError("refused");
  const fetch = noticeNestedRetries(() => Promise.reject(refusal));
  const wrong = [[null], [undefined], [Symbol("url")], ["http://[", {}], ["/", { method: 5 }], [Object.create(null)]];
  for (const args of [...wrong, ...wrong]) await expect(fetch(...(args as [string]))).rejects.toBe(refusal);
});

test("each server and list of libraries is reported once", async () => {
  const { fetch, found } = noticing();
  for (let round = 0; round < 3; round += 1) {
    for (const host of ["one", "two"]) {
      await pRetry(async () => expect((await fetch(`http://${host}.example/`)).ok).toBe(true), {
        ...quick,
        retries: 2,
      }).catch(() => undefined);
    }
  }
  expect(found.map(({ url }) => url)).toEqual(["http://one.example/", "http://two.example/"]);
});

test("suppressed, each further attempt of the library is a single request", async () => {
  const { fetch, inits } = noticing({ suppress: true });
  const call = (): Promise<unknown> =>
    pRetry(async () => expect((await fetch("http://shop.example/")).ok).toBe(true), { ...quick, retries: 2 });
  await call().catch(() => undefined);
  expect(inits.map(({ within }) => within?.number)).toEqual([undefined, 2, 3]);
});

test("suppressed, retries of ours inside are one request for each further attempt", async () => {
  const server = await scriptedServer();
  server.script.push(...Array.from({ length: 20 }, () => answer(503)));
  const inner = retryingFetch({ attemptsMax: 3, keys: "off", backoff: () => 0, budget: "off" });
  const fetch = noticeNestedRetries(inner, { suppress: true, onFound: () => undefined });
  await pRetry(async () => expect((await fetch(server.url)).ok).toBe(true), { ...quick, retries: 2 }).catch(
    () => undefined,
  );
  expect(server.received).toHaveLength(3 + 1 + 1);
});

test("without a listener it is logged, and the limit of the stack stays as it was", async () => {
  const log = vi.spyOn(console, "error").mockImplementation(() => undefined);
  onTestFinished(() => log.mockRestore());
  const { stackTraceLimit } = Error;
  const fetch = noticeNestedRetries(async () => busy());
  await pRetry(async () => expect((await fetch("http://shop.example/")).ok).toBe(true), { ...quick, retries: 1 }).catch(
    () => undefined,
  );
  expect(log).toHaveBeenCalledExactlyOnceWith(expect.stringContaining("Switch the retries of p-retry off"));
  expect(Error.stackTraceLimit).toBe(stackTraceLimit);
});

test.for([{ attemptsMax: 0 }, { onFound: "x" }, { onfound: () => undefined }])("options %j are refused", (options) => {
  expect(() => noticeNestedRetries(fetch, options as never)).toThrow(
    expect.objectContaining({ code: "ONCE_OPTION_INVALID" }) as Error,
  );
});
