import type { ToolCallRules } from "./tool-call-options.ts";
import type { ErrorListener } from "../core/listener.ts";
import { Client as Client1 } from "@modelcontextprotocol/sdk/client/index.js";
import { InMemoryTransport as Transport1 } from "@modelcontextprotocol/sdk/inMemory.js";
import { McpServer as Server1 } from "@modelcontextprotocol/sdk/server/mcp.js";
import { InMemoryTaskStore } from "@modelcontextprotocol/sdk/experimental/tasks/stores/in-memory.js";
import { Client as Client2 } from "@modelcontextprotocol/client";
import { InMemoryTransport as Transport2, McpServer as Server2 } from "@modelcontextprotocol/server";
import { describe, expect, onTestFinished, test, vi } from "vitest";
import { Headers as UndiciHeaders, Request as UndiciRequest } from "undici";
import { z } from "zod";
import { NoEffectError } from "../engine/index.ts";
import { onceFunction } from "../function/index.ts";
import { memoryStore } from "../stores/memory/index.ts";
import { keyMeta, onceTool, openToolCalls, type ToolResult } from "./index.ts";
import { policyMeta } from "./once-tool.ts";

const implementation = { name: "shop", version: "1" };

const sdks = {
  "SDK 1": async (register: (server: Server1) => void) => {
    const [client, server] = [new Client1(implementation), new Server1(implementation)];
    register(server);
    const [here, there] = Transport1.createLinkedPair();
    await Promise.all([server.connect(there), client.connect(here)]);
    return client;
  },
  "SDK 2": async (register: (server: Server1) => void) => {
    const [client, server] = [new Client2(implementation), new Server2(implementation)];
    register(server as never);
    const [here, there] = Transport2.createLinkedPair();
    await Promise.all([server.connect(there), client.connect(here)]);
    // It takes the options second.
    const callTool = client.callTool.bind(client);
    const as1 = { callTool: (params: never, _schema: undefined, options: object) => callTool(params, options) };
    return Object.assign(client, as1) as unknown as Client1;
  },
} as const;

type Handler = Parameters<typeof onceTool<Server1, undefined, { item: z.ZodString }>>[3];

const ordered: ToolResult = { content: [{ type: "text", text: "ordered" }] };

describe.each(Object.entries(sdks))("%s", (_, connect) => {
  async function open(handler: Handler, rules: Partial<ToolCallRules> & { keyArgument?: string } = {}) {
    const { keyArgument, ...given } = rules;
    const onError = vi.fn<(error: unknown) => void>();
    const once = openToolCalls({ store: memoryStore(), scope: "alice", onError, ...given });
    const fn = vi.fn<Handler>(handler);
    const client = await connect((server) => {
      const inputSchema = { item: z.string(), ...(keyArgument && { [keyArgument]: z.string().optional() }) };
      onceTool(server, "order", { once, keyArgument, inputSchema, description: "Orders." }, fn);
    });
    onTestFinished(() => once.close());
    const call = (key: string | undefined, item = "tea", more: object = {}, options: object = {}) => {
      const meta = key === undefined ? undefined : { _meta: { [keyMeta]: key } };
      return client.callTool({ name: "order", arguments: { item, ...more }, ...meta }, undefined, options);
    };
    return { call, client, fn, once, onError };
  }
  const ok: Handler = async () => ordered as never;
  const textOf = (result: unknown): string => (result as { content: { text: string }[] }).content[0]!.text;

  test("a repeat gets the first result, marked, and nothing happens twice", async () => {
    const { call, fn } = await open(ok);
    expect(await call("k1")).toEqual(ordered);
    expect(await call("k1")).toEqual({ ...ordered, _meta: { "once-again/replayed": true } });
    expect(fn).toHaveBeenCalledOnce();
    await call("k2");
    expect(fn).toHaveBeenCalledTimes(2);
  });

  test("of ten at once, one runs, and all get its result", async () => {
    const { call, fn } = await open(ok);
    const results = await Promise.all(Array.from({ length: 10 }, () => call("k1")));
    expect(results.map(textOf)).toEqual(results.map(() => "ordered"));
    expect(fn).toHaveBeenCalledOnce();
  });

  test("a call without a key does nothing, and says who has to make one", async () => {
    const { call, fn } = await open(ok);
    const result = await call(undefined);
    expect(result).toMatchObject({ isError: true, _meta: { "once-again/error": "ONCE_KEY_INVALID" } });
    expect(textOf(result)).toContain("Do not make up a key");
    expect(textOf(result)).toContain(keyMeta);
    expect(fn).not.toHaveBeenCalled();
  });

  test.each(["", "undefined", "[object Object]", 7, {}, "x".repeat(256)])("%j is no key", async (key) => {
    const { call, fn } = await open(ok);
    expect(await call(key as string)).toMatchObject({ isError: true });
    expect(fn).not.toHaveBeenCalled();
  });

  test("where no key is required, a call without one runs each time, and the hint says so", async () => {
    const { call, client, fn } = await open(ok, { keyRequired: false });
    await call(undefined);
    expect(await call(undefined)).toEqual(ordered);
    expect(fn).toHaveBeenCalledTimes(2);
    const { tools } = await client.listTools();
    expect(tools[0]!.annotations?.idempotentHint).toBe(false);
  });

  test("the list of tools says how to bring a key", async () => {
    const { client } = await open(ok);
    const { tools } = await client.listTools();
    expect(tools[0]).toMatchObject({
      annotations: { idempotentHint: true },
      _meta: { [policyMeta]: { required: true, meta: keyMeta, retentionSeconds: 86_400 } },
    });
  });

  test("the argument that holds the key comes last, and is no part of what is compared", async () => {
    const { call, fn } = await open(ok, { keyArgument: "request" });
    await call(undefined, "tea", { request: "k1" });
    await call(undefined, "tea", { request: "k1" });
    expect(fn).toHaveBeenCalledOnce();
    expect(await call("k1", "tea", { request: "of the model's own" })).toMatchObject({
      _meta: { "once-again/replayed": true },
    });
  });

  test("one key for two orders is refused", async () => {
    const { call, fn } = await open(ok);
    await call("k1", "tea");
    const result = await call("k1", "coffee");
    expect(result).toMatchObject({ isError: true, _meta: { "once-again/error": "ONCE_KEY_REUSED" } });
    expect(fn).toHaveBeenCalledOnce();
  });

  test("a result that is an error is an answer, and stored", async () => {
    const { call, fn } = await open(async () => ({ ...ordered, isError: true }) as never);
    expect(await call("k1")).toEqual({ ...ordered, isError: true });
    expect(await call("k1")).toMatchObject({ isError: true, _meta: { "once-again/replayed": true } });
    expect(fn).toHaveBeenCalledOnce();
  });

  test("a handler that throws is held, and its result forbids the model to try another way", async () => {
    const { call, fn } = await open(async () => Promise.reject(new Error("connection lost")));
    for (const result of [await call("k1"), await call("k1")]) {
      expect(result).toMatchObject({ isError: true, _meta: { "once-again/error": "ONCE_OUTCOME_UNKNOWN" } });
      expect(textOf(result)).toContain("not under another key");
    }
    expect(fn).toHaveBeenCalledOnce();
  });

  test("a held call is not asked for again after a while: no repeat can find its outcome", async () => {
    const { call } = await open(async () => Promise.reject(new Error("connection lost")));
    for (const result of [await call("k1"), await call("k1")]) {
      const { _meta: meta } = result;
      expect(meta).toEqual({ "once-again/error": "ONCE_OUTCOME_UNKNOWN" });
    }
  });

  test.each<[string, Partial<ToolCallRules>]>([
    ["an error that the handler throws", {}],
    ["an error in doubt where the call is executed again", { onUnknown: "rerun", acknowledgeDuplicates: true }],
    ["an error without an effect", { hadNoEffect: () => true }],
  ])("the text of %s is for onError, and never for the model", async (_, rules) => {
    const fault = new Error("password authentication failed for hunter2 at 10.0.0.7");
    const onError = vi.fn<ErrorListener>();
    const { call, fn } = await open(ok, { ...rules, onError });
    fn.mockRejectedValueOnce(fault);
    const result = await call("k1");
    expect(result).toMatchObject({ isError: true });
    expect(JSON.stringify(result)).not.toMatch(/password|hunter2|10\.0\.0\.7/);
    expect(onError).toHaveBeenCalledExactlyOnceWith(fault, { room: "tool", tool: "order", key: "k1" });
  });

  test("what had no effect runs again under its key", async () => {
    const { call, fn } = await open(ok);
    fn.mockRejectedValueOnce(new NoEffectError("Sold out for the moment."));
    expect(await call("k1")).toMatchObject({
      isError: true,
      content: [{ type: "text", text: "Nothing happened: Sold out for the moment." }],
    });
    expect(await call("k1")).toEqual(ordered);
  });

  test("an outcome that is unknown is looked up where onUnknown is a function", async () => {
    const { call, fn } = await open(async () => Promise.reject(new Error("lost")), {
      onUnknown: async (_execution, { tool, args }) => ({ found: { content: [], structuredContent: { tool, args } } }),
    });
    await call("k1");
    expect(await call("k1")).toMatchObject({ structuredContent: { tool: "order", args: { item: "tea" } } });
    expect(fn).toHaveBeenCalledOnce();
  });

  test("a caller that cancels ends its waiting alone, and a repeat finds the outcome", async () => {
    const [started, going] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const signals: AbortSignal[] = [];
    const { call, fn } = await open(async (_args, context) => {
      const { signal } = (context as { mcpReq?: { signal: AbortSignal } }).mcpReq ?? context;
      signals.push(signal);
      started.resolve();
      await going.promise;
      return ordered as never;
    });
    const leaving = new AbortController();
    const cancelled = call("k1", "tea", {}, { signal: leaving.signal });
    await started.promise;
    leaving.abort("gone");
    await expect(cancelled).rejects.toThrow();
    const repeat = call("k1");
    going.resolve();
    expect(await repeat).toMatchObject({ ...ordered, _meta: { "once-again/replayed": true } });
    expect(fn).toHaveBeenCalledOnce();
    expect(signals[0]!.aborted).toBe(false);
  });

  test("what is still running says so after waitMs", async () => {
    const going = Promise.withResolvers<void>();
    const { call } = await open(async () => going.promise.then(() => ordered as never), { waitMs: 0 });
    const first = call("k1");
    const repeat = await call("k1");
    expect(repeat).toMatchObject({
      isError: true,
      _meta: {
        "once-again/error": "ONCE_IN_PROGRESS",
        "once-again/retry-after-ms": expect.toSatisfy((ms) => ms >= 1000 && ms <= 3000),
      },
    });
    going.resolve();
    expect(await first).toEqual(ordered);
  });

  test("an elicitation of a URL is never stored as the result", async () => {
    const { call, fn } = await open(ok);
    const elicitation = { mode: "url", url: "https://shop.example/pay", elicitationId: "1", message: "Pay." };
    const asks = Object.assign(new Error("Pay first."), { code: -32_042, data: { elicitations: [elicitation] } });
    fn.mockRejectedValueOnce(asks);
    await call("k1").catch(() => undefined);
    expect(await call("k1")).toEqual(ordered);
  });

  test("a handler without a result has an empty one", async () => {
    const { call } = await open(async () => undefined as never);
    expect(await call("k1")).toEqual({ content: [] });
    expect(await call("k1")).toMatchObject({ content: [] });
  });

  test("a result that can't be stored is reported as done, and nothing happens twice", async () => {
    const { call, fn } = await open(async () => ({ content: [], structuredContent: { at: new Date() } }));
    for (const result of [await call("k1"), await call("k1")]) {
      expect(textOf(result)).toContain("did its work, once");
    }
    expect(fn).toHaveBeenCalledOnce();
  });

  test("a tool is registered twice as its server allows: not at all", async () => {
    const once = openToolCalls({ store: memoryStore(), scope: "alice" });
    await connect((server) => {
      onceTool(server, "order", { once }, async () => ordered as never);
      expect(() => onceTool(server, "order", { once }, async () => ordered as never)).toThrow("already registered");
    });
  });

  test("a tool without arguments is handed its context alone", async () => {
    const once = openToolCalls({ store: memoryStore(), scope: "alice" });
    const client = await connect((server) =>
      onceTool(server, "ping", { once }, async ({ once: { key, scope } }) => ({
        content: [{ type: "text" as const, text: `${scope} ${key}` }],
      })),
    );
    expect(textOf(await client.callTool({ name: "ping", _meta: { [keyMeta]: "k1" } }))).toBe("ping:alice k1");
  });

  test("two servers on one store run a call once, and two callers never share a key", async () => {
    const store = memoryStore();
    const fn = vi.fn<() => Promise<never>>(async () => ordered as never);
    const clientOf = (scope: string) =>
      connect((server) => onceTool(server, "order", { once: openToolCalls({ store, scope }) }, fn));
    const clients = [await clientOf("alice"), await clientOf("alice"), await clientOf("bob")];
    const call = { name: "order", _meta: { [keyMeta]: "k1" } };
    await Promise.all(clients.map((client) => client.callTool(call)));
    expect(fn).toHaveBeenCalledTimes(2);
  });
});

describe("the caller", () => {
  const call = async (rules: ToolCallRules["scope"], context: object) => {
    const onError = vi.fn<(error: unknown) => void>();
    const once = openToolCalls({ store: memoryStore(), scope: rules, onError });
    const given = { _meta: { [keyMeta]: "k1" }, ...context };
    const work = vi.fn<(args: never, context: { once: { scope: string } }) => ToolResult>((_, { once: { scope } }) => ({
      structuredContent: { scope },
    }));
    return { result: await once.call({ name: "order" }, {}, given, work), onError, work };
  };

  test.each([
    ["SDK 1", { authInfo: { clientId: "app", token: "s3cret", scopes: [], extra: { userId: "u7" } } }],
    ["SDK 2", { http: { authInfo: { clientId: "app", token: "s3cret", scopes: [], extra: { userId: "u7" } } } }],
  ])("is known by the verified token of %s, which is not handed out itself", async (_, context) => {
    const { result } = await call((caller) => {
      expect(JSON.stringify(caller)).not.toContain("s3cret");
      return String(caller.authInfo?.extra?.["userId"]);
    }, context);
    expect(result).toMatchObject({ structuredContent: { scope: "order:u7" } });
  });

  test("that can't be determined has no effect, and onError is called", async () => {
    const { result, onError, work } = await call(({ authInfo }) => String(authInfo?.clientId), {});
    expect(result).toMatchObject({ isError: true, _meta: { "once-again/error": "ONCE_NO_EFFECT" } });
    expect(work).not.toHaveBeenCalled();
    expect(onError).toHaveBeenCalledOnce();
  });

  test.each([
    ["SDK 1", { requestInfo: { headers: { "Idempotency-Key": '"k9"' } } }],
    ["SDK 2", { http: { req: new Request("http://a/", { headers: { "Idempotency-Key": "k9" } }) } }],
    [
      "SDK 2, with a Request of undici",
      { http: { req: new UndiciRequest("http://a/", { headers: { "Idempotency-Key": "k9" } }) } },
    ],
    ["SDK 1, with Headers of undici", { requestInfo: { headers: new UndiciHeaders({ "Idempotency-Key": "k9" }) } }],
  ])("may bring the key in a header of %s, which _meta goes before", async (_, context) => {
    const once = openToolCalls({ store: memoryStore(), scope: "alice" });
    const keys: (string | undefined)[] = [];
    const work = (_args: never, { once: { key } }: { once: { key: string } }) => (keys.push(key), {});
    await once.call({ name: "order" }, {}, context, work);
    await once.call({ name: "order" }, {}, { ...context, _meta: { [keyMeta]: "k1" } }, work);
    expect(keys).toEqual(["k9", "k1"]);
  });
});

test("asking for input is no answer", async () => {
  const once = openToolCalls({ store: memoryStore(), scope: "alice" });
  const work = vi
    .fn<() => ToolResult>(() => ({ content: [] }))
    .mockReturnValueOnce({ resultType: "input_required", inputRequests: {} });
  const call = () => once.call({ name: "order" }, {}, { _meta: { [keyMeta]: "k1" } }, work);
  expect(await call()).toEqual({ resultType: "input_required", inputRequests: {} });
  expect(await call()).toEqual({ content: [] });
  expect(await call()).toEqual({ content: [], _meta: { "once-again/replayed": true } });
});

test("a tool that runs as a task starts its work by onceFunction, and a repeat gets its result", async () => {
  const taskStore = new InMemoryTaskStore();
  const capabilities = { tasks: { requests: { tools: { call: {} } } } };
  const server = new Server1(implementation, { capabilities, taskStore });
  let orders = 0;
  const order = onceFunction(
    { store: memoryStore(), scope: "order", key: ({ key }: { key: string; item: string }) => key },
    async (_execution, { item }) => `${item} ${(orders += 1)}`,
  );
  server.experimental.tasks.registerToolTask(
    "order",
    { inputSchema: { item: z.string() }, execution: { taskSupport: "optional" } },
    {
      async createTask({ item }, { taskStore: tasks, _meta: meta }) {
        const task = await tasks.createTask({ ttl: 60_000, pollInterval: 5 });
        const text = await order({ key: String(meta?.[keyMeta]), item });
        await tasks.storeTaskResult(task.taskId, "completed", { content: [{ type: "text", text }] });
        return { task };
      },
      getTask: (_args, { taskId, taskStore: tasks }) => tasks.getTask(taskId),
      getTaskResult: async (_args, { taskId, taskStore: tasks }) => (await tasks.getTaskResult(taskId)) as never,
    },
  );
  const client = new Client1(implementation);
  const [here, there] = Transport1.createLinkedPair();
  await Promise.all([server.connect(there), client.connect(here)]);
  onTestFinished(async () => {
    taskStore.cleanup();
    await client.close();
  });
  const call = () => client.callTool({ name: "order", arguments: { item: "tea" }, _meta: { [keyMeta]: "k1" } });
  const results = [await call(), await call()].map(({ content }) => content);
  expect(results).toEqual(results.map(() => [{ type: "text", text: "tea 1" }]));
  expect(orders).toBe(1);
});
