import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { InMemoryTransport } from "@modelcontextprotocol/sdk/inMemory.js";
import { McpServer } from "@modelcontextprotocol/sdk/server/mcp.js";
import { generateText, stepCountIs, tool } from "ai";
import { MockLanguageModelV3 } from "ai/test";
import { describe, expect, expectTypeOf, onTestFinished, test, vi } from "vitest";
import { z } from "zod";
import { NoEffectError } from "../engine/index.ts";
import { onceTool, openToolCalls } from "../mcp/index.ts";
import { memoryStore } from "../stores/memory/index.ts";
import { type OnceCall, onceTools, openRun } from "./index.ts";
import type { RunOptions } from "./run-options.ts";

interface Order {
  readonly item: string;
}

/** Opens runs of one store, which outlives their processes. */
function runs(more: Partial<RunOptions> = {}) {
  const store = memoryStore();
  const onError = vi.fn<(error: unknown) => void>();
  return () => {
    const run = openRun({ store, run: "run-42", onError, leaseMs: 100, ...more });
    onTestFinished(() => run.close());
    return run;
  };
}

describe("plain functions", () => {
  const keys: string[] = [];
  const order = async ({ item }: Order, { once }: OnceCall) => {
    keys.push(once.key);
    return `${item} ${keys.length}`;
  };

  test("two honest equal orders are two, with a key each", async () => {
    const tools = onceTools(runs()(), { order });
    expectTypeOf(tools.order).toEqualTypeOf<(input: Order, options?: object) => Promise<string>>();
    const [first, second] = [await tools.order({ item: "tea" }), await tools.order({ item: "tea" })];
    expect(first).not.toBe(second);
    expect(new Set(keys).size).toBe(keys.length);
  });

  test("two at once are two as well", async () => {
    const fn = vi.fn<typeof order>(order);
    const tools = onceTools(runs()(), { order: fn });
    await Promise.all([tools.order({ item: "tea" }), tools.order({ item: "tea" })]);
    expect(fn).toHaveBeenCalledTimes(2);
  });

  test("a run that starts over gets its results without a call", async () => {
    const open = runs({ replay: true, verbatim: (tool) => tool === "order" });
    const fn = vi.fn<typeof order>(order);
    const plan = async () => {
      const tools = onceTools(open(), { order: fn });
      return [
        await tools.order({ item: "tea" }),
        await tools.order({ item: "tea" }),
        await tools.order({ item: "milk" }),
      ];
    };
    expect(await plan()).toEqual(await plan());
    expect(fn).toHaveBeenCalledTimes(3);
  });

  test("a run that starts over asks which of two mails comes in the words of one, and swaps none", async () => {
    const onUndecided = vi.fn<NonNullable<RunOptions["onUndecided"]>>(({ earlier }) => ({ same: earlier.at(-1)!.id }));
    const open = runs({ replay: true, onUndecided });
    const mail = vi.fn<(given: { text: string }) => Promise<string>>(async ({ text }) => `sent: ${text}`);
    const plan = async (...texts: string[]) => {
      const tools = onceTools(open(), { mail });
      const sent: string[] = [];
      for (const text of texts) sent.push(await tools.mail({ text }));
      return sent;
    };
    await plan("Ann", "Dear Ann");
    // The second, in the words of the first; and then the first, in words that none had.
    expect(await plan("Ann", "Hello Ann")).toEqual(["sent: Dear Ann", "sent: Ann"]);
    expect(onUndecided).toHaveBeenCalledTimes(2);
    expect(mail).toHaveBeenCalledTimes(2);
  });

  test("a step is one order, whatever the process does", async () => {
    const open = runs({ step: ({ options }) => (options as { step: string }).step });
    const fn = vi.fn<typeof order>(order);
    const call = (step: string) => onceTools(open(), { order: fn }).order({ item: "tea" }, { step });
    expect(await call("s1")).toBe(await call("s1"));
    await call("s2");
    expect(fn).toHaveBeenCalledTimes(2);
  });

  test("a resumed run that does not say how it goes on asks, and is not asked twice", async () => {
    const onUndecided = vi.fn<NonNullable<RunOptions["onUndecided"]>>(({ earlier }) => ({ same: earlier[0]!.id }));
    const open = runs({ onUndecided });
    const fn = vi.fn<typeof order>(order);
    const first = await onceTools(open(), { order: fn }).order({ item: "tea" });
    expect(await onceTools(open(), { order: fn }).order({ item: "Tea, please" })).toBe(first);
    expect(onUndecided).toHaveBeenCalledExactlyOnceWith({
      tool: "order",
      input: { item: "Tea, please" },
      why: "left-behind",
      earlier: [{ id: expect.any(String), input: { item: "tea" }, state: "done", isTaken: false }],
    });
    expect(fn).toHaveBeenCalledOnce();
  });

  test("the answer that it and all later ones are others also decides later calls", async () => {
    const onUndecided = vi.fn<NonNullable<RunOptions["onUndecided"]>>(() => "all-others");
    const open = runs({ onUndecided });
    const fn = vi.fn<typeof order>(order);
    await onceTools(open(), { order: fn }).order({ item: "tea" });
    const tools = onceTools(open(), { order: fn });
    await tools.order({ item: "milk" });
    await tools.order({ item: "milk" });
    expect(onUndecided).toHaveBeenCalledOnce();
    expect(fn).toHaveBeenCalledTimes(3);
  });

  test("the answer that it is another one says nothing of later ones", async () => {
    const onUndecided = vi.fn<NonNullable<RunOptions["onUndecided"]>>(({ input, earlier }) => {
      return (input as Order).item === "milk" ? "another" : { same: earlier[0]!.id };
    });
    const open = runs({ onUndecided });
    const fn = vi.fn<typeof order>(order);
    const first = await onceTools(open(), { order: fn }).order({ item: "tea" });
    const tools = onceTools(open(), { order: fn });
    await tools.order({ item: "milk" });
    expect(await tools.order({ item: "Tea, please" })).toBe(first);
    expect(fn).toHaveBeenCalledTimes(2);
  });

  test("a call is not made when its caller leaves while a person is asked, and nor is one that waits behind it", async () => {
    const left = new AbortController();
    const onUndecided = vi.fn<NonNullable<RunOptions["onUndecided"]>>(async () => {
      left.abort(new Error("the user pressed stop"));
      return "all-others" as const;
    });
    const open = runs({ onUndecided });
    const fn = vi.fn<typeof order>(order);
    await onceTools(open(), { order: fn }).order({ item: "tea" });
    const tools = onceTools(open(), { order: fn });
    const calls = ["milk", "rum"].map((item) => tools.order({ item }, { signal: left.signal }));
    for (const call of calls) await expect(call).rejects.toThrow("the user pressed stop");
    expect(fn).toHaveBeenCalledOnce();
    expect(await tools.order({ item: "milk" })).toContain("milk");
    expect(onUndecided).toHaveBeenCalledTimes(2);
    expect(fn).toHaveBeenCalledTimes(2);
  });

  test("without onUndecided nothing happens", async () => {
    const open = runs();
    const fn = vi.fn<typeof order>(order);
    await onceTools(open(), { order: fn }).order({ item: "tea" });
    const call = onceTools(open(), { order: fn }).order({ item: "tea" });
    await expect(call).rejects.toMatchObject({ code: "ONCE_INTENTION_UNDECIDED", details: { why: "left-behind" } });
    expect(fn).toHaveBeenCalledOnce();
  });

  test("one that fails is held, and another that could be it is asked about", async () => {
    const fn = vi.fn<typeof order>(order).mockRejectedValueOnce(new Error("connection lost"));
    const tools = onceTools(runs()(), { order: fn });
    await expect(tools.order({ item: "tea" })).rejects.toMatchObject({ code: "ONCE_OUTCOME_UNKNOWN" });
    await expect(tools.order({ item: "tea" })).rejects.toMatchObject({ details: { why: "in-doubt" } });
    expect(fn).toHaveBeenCalledOnce();
  });

  test("one that keeps its key is called again with it", async () => {
    const seen: string[] = [];
    const fn = vi.fn<typeof order>(async ({ item }, { once: { key } }) => {
      seen.push(key);
      if (seen.length < 3) throw new Error("connection lost");
      return item;
    });
    const tools = onceTools(runs({ keyed: true, random: () => 0 })(), { order: fn });
    expect(await tools.order({ item: "tea" })).toBe("tea");
    expect(seen).toEqual([seen[0], seen[0], seen[0]]);
  });

  test("what had no effect throws as it is, and may be called again", async () => {
    const fn = vi.fn<typeof order>(order).mockRejectedValueOnce(new NoEffectError("Sold out."));
    const tools = onceTools(runs()(), { order: fn });
    await expect(tools.order({ item: "tea" })).rejects.toMatchObject({ code: "ONCE_NO_EFFECT" });
    await tools.order({ item: "tea" });
    expect(fn).toHaveBeenCalledTimes(2);
  });

  test("a caller that leaves ends its waiting alone", async () => {
    const going = Promise.withResolvers<void>();
    const signals: AbortSignal[] = [];
    const tools = onceTools(runs()(), {
      order: async (_input: Order, { once, ...options }: OnceCall & { signal?: AbortSignal }) => {
        signals.push(once.signal, options.signal!);
        await going.promise;
      },
    });
    const leaving = new AbortController();
    const call = tools.order({ item: "tea" }, { signal: leaving.signal });
    await expect.poll(() => signals).toHaveLength(2);
    leaving.abort(new Error("gone"));
    await expect(call).rejects.toThrow("gone");
    expect(signals.map(({ aborted }) => aborted)).toEqual([false, false]);
    going.resolve();
  });

  test("a run that goes round in circles ends", async () => {
    const tools = onceTools(runs({ intentionsMax: 2 })(), { order });
    await tools.order({ item: "tea" });
    await tools.order({ item: "tea" });
    await expect(tools.order({ item: "tea" })).rejects.toMatchObject({ code: "ONCE_INTENTS_FULL" });
  });

  test("arguments that JSON can't keep do nothing", async () => {
    const tools = onceTools(runs()(), { order: async ({ at }: { at: Date }) => at.toISOString() });
    await expect(tools.order({ at: new Date() })).rejects.toMatchObject({ code: "ONCE_ARGUMENTS_UNFIT" });
  });
});

describe("the AI SDK", () => {
  const usage = {
    inputTokens: { total: 1, noCache: 1, cacheRead: 0, cacheWrite: 0 },
    outputTokens: { total: 1, text: 1, reasoning: 0 },
  };
  /** A model that makes these calls, step by step, and then ends. Each call has another id. */
  const scripted = (steps: readonly (readonly Order[])[], prefix: string) => {
    let step = 0;
    return new MockLanguageModelV3({
      doGenerate: async () => {
        const calls = steps[step] ?? [];
        step += 1;
        const content = calls.map((input, at) => ({
          type: "tool-call" as const,
          toolCallId: `${prefix}-${step}-${at}`,
          toolName: "order",
          input: JSON.stringify(input),
        }));
        const isEnd = content.length === 0;
        return {
          content: isEnd ? [{ type: "text" as const, text: "done" }] : content,
          finishReason: { unified: isEnd ? "stop" : "tool-calls", raw: undefined },
          usage,
          warnings: [],
        } as never;
      },
    });
  };
  const made = (fn: (input: Order) => unknown) =>
    tool({ description: "Orders.", inputSchema: z.object({ item: z.string() }), execute: async (input) => fn(input) });

  test("each of its parallel calls is executed, and a run that starts over calls nothing", async () => {
    const open = runs();
    const fn = vi.fn<(input: Order) => string>(({ item }) => item);
    const play = (prefix: string) =>
      generateText({
        model: scripted([[{ item: "tea" }, { item: "tea" }, { item: "milk" }], [{ item: "tea" }]], prefix),
        tools: onceTools(open(), { order: made(fn) }),
        prompt: "Order.",
        stopWhen: stepCountIs(5),
      });
    const { steps } = await play("a");
    expect(steps.flatMap(({ toolResults }) => toolResults.map(({ output }): unknown => output))).toEqual([
      "tea",
      "tea",
      "milk",
      "tea",
    ]);
    expect(fn).toHaveBeenCalledTimes(4);
    // The model gives its calls other ids each time.
    expect((await play("b")).text).toBe("done");
    expect(fn).toHaveBeenCalledTimes(4);
  });

  test("a mail that is worded anew when the run is resumed is asked about", async () => {
    const onUndecided = vi.fn<NonNullable<RunOptions["onUndecided"]>>(({ earlier }) => ({ same: earlier[0]!.id }));
    const open = runs({ onUndecided });
    const fn = vi.fn<(input: Order) => string>(({ item }) => item);
    for (const item of ["Dear Ann", "Hello Ann"]) {
      await generateText({
        model: scripted([[{ item }]], item),
        tools: onceTools(open(), { order: made(fn) }),
        prompt: "Write to Ann.",
        stopWhen: stepCountIs(5),
      });
    }
    expect(onUndecided).toHaveBeenCalledOnce();
    expect(fn).toHaveBeenCalledOnce();
  });

  test("a tool without execute, and everything else of a tool, stay as they are", () => {
    const tools = { ask: tool({ inputSchema: z.object({}) }), order: made(() => "") };
    const wrapped = onceTools(runs()(), tools);
    expect(wrapped.ask).toBe(tools.ask);
    expect(wrapped.order).toMatchObject({ description: "Orders.", inputSchema: tools.order.inputSchema });
    expectTypeOf(wrapped.order).toEqualTypeOf<typeof tools.order>();
  });
});

describe("an MCP client", () => {
  async function connected(handler: () => Promise<{ content: { type: "text"; text: string }[]; isError?: boolean }>) {
    const once = openToolCalls({ store: memoryStore(), scope: "alice" });
    const [server, client] = [new McpServer({ name: "a", version: "1" }), new Client({ name: "b", version: "1" })];
    onceTool(server, "order", { once, inputSchema: { item: z.string() } }, handler);
    const [here, there] = InMemoryTransport.createLinkedPair();
    await Promise.all([server.connect(there), client.connect(here)]);
    return client;
  }
  const call = { name: "order", arguments: { item: "tea" } };
  const done = async () => ({ content: [{ type: "text" as const, text: "ordered" }] });

  test("carries the key that the harness made, and is called once for each intention", async () => {
    const handler = vi.fn<typeof done>(done);
    const client = await connected(handler);
    const open = runs({ replay: true, keyed: true });
    const first = await onceTools(open(), client).callTool(call);
    expect(await onceTools(open(), client).callTool(call)).toEqual(first);
    expect(handler).toHaveBeenCalledOnce();
    expect((await onceTools(open(), client).listTools()).tools).toHaveLength(1);
  });

  test("when a call is lost, it is called again under its key, and finds the outcome", async () => {
    const handler = vi.fn<typeof done>(done);
    const client = await connected(handler);
    const callTool = client.callTool.bind(client);
    const lossy = vi.spyOn(client, "callTool").mockImplementationOnce(async (...params) => {
      await callTool(...params);
      throw new Error("Connection closed");
    });
    const result = await onceTools(runs({ keyed: true, random: () => 0 })(), client).callTool(call);
    expect(result).toMatchObject({ content: [{ text: "ordered" }], _meta: { "once-again/replayed": true } });
    expect(lossy).toHaveBeenCalledTimes(2);
    expect(handler).toHaveBeenCalledOnce();
  });

  test("when the server holds the outcome, the tool says so", async () => {
    const client = await connected(async () => Promise.reject(new Error("lost")));
    const tools = onceTools(runs({ keyed: true, attemptsMax: 1 })(), client);
    await expect(tools.callTool(call)).rejects.toMatchObject({ code: "ONCE_OUTCOME_UNKNOWN" });
  });
});

describe("in plain JavaScript", () => {
  const store = memoryStore();

  test.each<[string, () => unknown, string]>([
    ["a store alone", () => openRun(store as never), "give it as the option `store`"],
    ["no store", () => openRun({ run: "a" } as never), "store must be a store of once-again"],
    ["no run", () => openRun({ store } as never), "run must be the run's own id"],
    ["a name that is wrong", () => openRun({ store, run: "a", undecided: true } as never), "Did you mean onUndecided?"],
    ["options for the run", () => onceTools({ store } as never, {}), "what openRun({ store, run }) returns"],
    ["no tools", () => onceTools(openRun({ store, run: "a" }), undefined as never), "an object of tools"],
    [
      "a tool that is no function",
      () => onceTools(openRun({ store, run: "a" }), { a: 1 as never }),
      "tools.a must be a function",
    ],
  ])("%s is a clear error", (_, make, message) => {
    expect(make).toThrow(
      expect.objectContaining({ code: "ONCE_OPTION_INVALID", message: expect.stringContaining(message) }),
    );
  });
});
