import { expect, test, describe, vi } from "vitest";
import { onceTools, openRun } from "../../packages/once-again/src/agents/index.ts";
import { onceLambda } from "../../packages/once-again/src/frameworks/lambda/index.ts";
import { onceFunction } from "../../packages/once-again/src/function/index.ts";
import { keyMeta, openToolCalls } from "../../packages/once-again/src/mcp/index.ts";
import { sealedStore } from "../../packages/once-again/src/stores/sealed-store.ts";
import type { AsyncStore, ClaimAnswer } from "../../packages/once-again/src/stores/store.ts";
import { memoryStore } from "../../packages/once-again/src/stores/memory/index.ts";
import { exchange } from "../frameworks/exchange.ts";
import { frameworks } from "../frameworks/frameworks.ts";
import { serving } from "../frameworks/serving.ts";
import { gatewayTo, keyedRoute } from "../gateway/start-gateway.ts";
import { post } from "../support/http-server.ts";
import { scriptedServer } from "../support/scripted-server.ts";

// Each room that reads a result back is given one that its operation did not store: the store is damaged, or another program
// writes into it. No room may send it on, run the work, blame the handler, or say that the store does not answer.

const bytes = (text: string): Uint8Array<ArrayBuffer> => new TextEncoder().encode(text);
const head = (status: unknown, headers: unknown): string => `${JSON.stringify({ status, headers })}\nbody`;

/** Results that no room can have stored. */
const brokenResults: Readonly<Record<string, string>> = {
  "nothing at all": "",
  "no JSON": "{]\nbody",
  "a text": '"201"\nbody',
  null: "null\nbody",
  "no line": '{"status":201,"headers":[]}',
  "no status": '{"headers":[]}\nbody',
  "a status that is a text": head("201", []),
  "a status beyond HTTP": '{"status":1e25,"headers":[]}\nbody',
  "status 99": head(99, []),
  "status 101": head(101, []),
  "no list of headers": head(201, { a: "b" }),
  "a header without a value": head(201, [["a"]]),
  "a header that is null": head(201, [null]),
  "a value that is a number": head(201, [["a", 1]]),
  "a value with CR LF": head(201, [["a", "b\r\nset-cookie: evil=1"]]),
  "a name with a space": head(201, [["a b", "c"]]),
  "a stored Set-Cookie": head(201, [["Set-Cookie", "session=evil"]]),
  "a header of the connection": head(201, [["Transfer-Encoding", "chunked"]]),
  "a length of the body": head(201, [["content-length", "3"]]),
};

/** A store in which every key is done, with this result. */
function storeWith(result: Uint8Array): AsyncStore {
  const done = async (): Promise<ClaimAnswer> => ({ kind: "done", result });
  return { ...memoryStore(), claim: done } as AsyncStore;
}

const never = (): never => expect.fail("ran again");
const codesOf = (onError: { mock: { calls: unknown[][] } }): unknown[] =>
  onError.mock.calls.map(([error]) => (error as { code?: unknown }).code);

describe.for(frameworks)("a route of $name", (framework) => {
  test.for(Object.entries(brokenResults))("answers ONCE_RECORD_BROKEN for %s", async ([, result]) => {
    const onError = vi.fn<(error: unknown) => void>();
    const store = storeWith(bytes(result));
    const { url } = await serving(framework, { rules: { store, onError }, handle: never });
    const answer = await exchange(url);
    expect(answer).toMatchObject({ status: 500, replayed: false });
    expect(JSON.parse(answer.text)).toMatchObject({ code: "ONCE_RECORD_BROKEN" });
    expect(answer.headers["set-cookie"]).toBeUndefined();
    expect(codesOf(onError)).toEqual(["ONCE_RECORD_BROKEN"]);
    expect(String(onError.mock.calls[0]?.[0])).toContain('the key "order-7" in the scope "public"');
  });
});

test.for(Object.entries(brokenResults))("the gateway answers ONCE_RECORD_BROKEN for %s", async ([, result]) => {
  const onError = vi.fn<(error: unknown) => void>();
  const { url, received } = await scriptedServer();
  const options = { routes: [keyedRoute], store: storeWith(bytes(result)), onError };
  const gateway = await gatewayTo(new URL(url).origin, options);
  const answer = await post(`${gateway.url}/orders`);
  expect(answer.status).toBe(500);
  expect(await answer.json()).toMatchObject({ code: "ONCE_RECORD_BROKEN" });
  expect(codesOf(onError)).toEqual(["ONCE_RECORD_BROKEN"]);
  expect(received).toEqual([]);
});

/** Results that no call of a function can have stored; a person may have settled it with a response. */
const brokenCalls: Readonly<Record<string, string>> = {
  "nothing at all": "",
  "no JSON": "{]\n1",
  null: "null\n1",
  "a call that ended otherwise": '{"call":"odd"}\n1',
  "a result that is no JSON": '{"call":"returned"}\n{]',
  "a refusal where none is decoded": '{"call":"refused"}\n1',
  "an error of another kind": '{"call":"unstored","code":"constructor","message":"m"}\n',
  "a response that failed": head(500, []),
};

describe.for(Object.entries(brokenCalls))("a call with a broken result: %s", ([, result]) => {
  const store = () => storeWith(bytes(result));
  const broken = expect.objectContaining({
    code: "ONCE_RECORD_BROKEN",
    message: expect.stringContaining('the key "order-7"'),
  });

  test("of a function is ONCE_RECORD_BROKEN", async () => {
    const charge = onceFunction({ store: store(), scope: "charge", key: (id: string) => id }, never);
    await expect(charge("order-7")).rejects.toEqual(broken);
    await charge.close();
  });

  test("of an invocation of AWS Lambda is ONCE_RECORD_BROKEN", async () => {
    const options = { store: store(), scope: "charge", key: ({ id }: { id: string }) => id };
    const handler = onceLambda(options, never);
    await expect(handler({ id: "order-7" }, undefined as never)).rejects.toEqual(broken);
  });

  test("of an MCP tool is refused as that, and the operator gets it", async () => {
    const onError = vi.fn<(error: unknown) => void>();
    await using calls = openToolCalls({ store: store(), scope: "alice", onError });
    const context = { _meta: { [keyMeta]: "order-7" } };
    const result = await calls.call({ name: "charge" }, {}, context as never, never);
    expect(result).toMatchObject({ isError: true, _meta: { "once-again/error": "ONCE_RECORD_BROKEN" } });
    expect(JSON.stringify(result)).not.toContain("Nothing happened");
    expect(codesOf(onError)).toEqual(["ONCE_RECORD_BROKEN"]);
  });
});

test("an intention of an agent that can't be read is ONCE_RECORD_BROKEN, and no tool runs", async () => {
  for (const result of ["", "null", '{"tool":1}', "{]"]) {
    const store = memoryStore();
    const name = { scope: "agent:run-1", key: "intention 1" };
    const listed = { ...name, state: "done" as const, record: { result: bytes(result), createdAt: 1 } as never };
    const run = openRun({
      store: { ...store, list: async () => [listed] },
      run: "run-1",
      onError: () => undefined,
    });
    const tools = onceTools(run, { order: async () => never() });
    await expect((tools.order as unknown as () => Promise<unknown>)()).rejects.toMatchObject({
      code: "ONCE_RECORD_BROKEN",
    });
    await run.close();
  }
});

describe("a broken seal", () => {
  const secret = new Uint8Array(32).fill(7);
  const tampered = async (): Promise<AsyncStore> => {
    const inner = memoryStore();
    const seals = sealedStore(inner, [{ id: "k", secret }]);
    const claim = { scope: "any", key: "order-7", fingerprint: "f", owner: "me", leaseMs: 1000, retentionMs: 10_000 };
    await seals.claim(claim);
    await seals.complete({ ...claim, result: bytes("{}") });
    const result = (await inner.inspect(claim))!.record.result!;
    const changed = result.with(result.length - 1, result.at(-1)! ^ 1);
    return sealedStore(storeWith(changed), [{ id: "k", secret }]);
  };

  test.for(frameworks)("is ONCE_SEAL_BROKEN to a route of $name and to its onError", async (framework) => {
    const onError = vi.fn<(error: unknown) => void>();
    const { url } = await serving(framework, { rules: { store: await tampered(), onError }, handle: never });
    const answer = await exchange(url);
    expect([answer.status, JSON.parse(answer.text).code]).toEqual([500, "ONCE_SEAL_BROKEN"]);
    expect(codesOf(onError)).toEqual(["ONCE_SEAL_BROKEN"]);
    expect(String(onError.mock.calls[0]?.[0])).toContain('the key "order-7"');
  });

  test("is ONCE_SEAL_BROKEN to a function, an MCP tool and the gateway", async () => {
    const store = await tampered();
    const charge = onceFunction({ store, scope: "seals", key: (id: string) => id }, never);
    await expect(charge("order-7")).rejects.toMatchObject({ code: "ONCE_SEAL_BROKEN" });
    await charge.close();
    await using calls = openToolCalls({ store, scope: "alice", onError: () => undefined });
    const context = { _meta: { [keyMeta]: "order-7" } };
    const result = await calls.call({ name: "charge" }, {}, context as never, never);
    expect(result).toMatchObject({ _meta: { "once-again/error": "ONCE_SEAL_BROKEN" } });
    const { url } = await scriptedServer();
    const gateway = await gatewayTo(new URL(url).origin, { routes: [keyedRoute], store });
    expect(await (await post(`${gateway.url}/orders`)).json()).toMatchObject({ code: "ONCE_SEAL_BROKEN" });
  });
});
