import { betaZodTool } from "@anthropic-ai/sdk/helpers/beta/zod";
import { tool as langchainTool } from "@langchain/core/tools";
import { createTool, noopObserve } from "@mastra/core/tools";
import { RunContext, tool as openaiTool } from "@openai/agents-core";
import { tool, zodSchema } from "ai";
import { describe, expect, onTestFinished, test, vi } from "vitest";
import { z } from "zod";
import { memoryStore } from "../stores/memory/index.ts";
import { onceTools, openRun } from "./index.ts";
import type { OnceCall } from "./once-tools.ts";
import type { RunOptions } from "./run-options.ts";

interface Order {
  readonly item: string;
}

function openTestRun(more: Partial<RunOptions> = {}) {
  const run = openRun({ store: memoryStore(), run: "run-42", ...more });
  onTestFinished(() => run.close());
  return run;
}

describe("tools of other SDKs", () => {
  const tea = { item: "tea" };
  const schema = z.object({ item: z.string() });
  const named = { name: "order", description: "Orders an item." };
  const order = async ({ item }: Order) => `${item} ordered`;

  class Tool {
    _call = order;
  }

  test.each<[string, unknown, string]>([
    ["LangChain", langchainTool(order, { ...named, schema }), "of LangChain"],
    ["OpenAI Agents", openaiTool({ ...named, parameters: schema, execute: order }), "OpenAI Agents SDK"],
    ["Anthropic's tool runner", betaZodTool({ ...named, inputSchema: schema, run: order }), "Anthropic's tool runner"],
    ["Mastra", createTool({ ...named, id: "order", inputSchema: schema, execute: order }), "of Mastra"],
    ["no SDK that is known", { name: "order", handler: order }, "another form"],
    ["a framework with classes", new Tool(), "another form"],
    ["nothing", {}, "another form"],
    ["an array", [order], "another form"],
    ["OpenAI's chat completions", { type: "function", function: { ...named, parameters: {} } }, "another form"],
    ["the AI SDK, with its work under another name", { inputSchema: schema, exec: order }, "another form"],
    [
      "the AI SDK, with a promise as its work",
      { inputSchema: schema, execute: Promise.resolve(order) },
      "another form",
    ],
  ])("a tool of %s is refused, and never returned unwrapped", (_, given, message) => {
    const run = openTestRun();
    const refusal = { code: "ONCE_OPTION_INVALID", message: expect.stringContaining(message) };
    expect(() => onceTools(run, { order: given as never })).toThrow(expect.objectContaining(refusal));
  });

  test.each<[string, unknown]>([
    ["an array", [order]],
    ["a Map", new Map([["order", order]])],
    ["a text", "order"],
  ])("%s of tools has no names, and is refused", (_, given) => {
    expect(() => onceTools(openTestRun(), given as never)).toThrow("tools must be an object of tools by their names");
  });

  test.each<[string, (wrapped: typeof order) => () => unknown]>([
    [
      "LangChain",
      (wrapped) => {
        const made = langchainTool(wrapped, { ...named, schema });
        return () => made.invoke(tea);
      },
    ],
    [
      "OpenAI Agents",
      (wrapped) => {
        const made = openaiTool({ ...named, parameters: schema, execute: wrapped });
        return () => made.invoke(new RunContext(), JSON.stringify(tea));
      },
    ],
    [
      "Anthropic's tool runner",
      (wrapped) => {
        const made = betaZodTool({ ...named, inputSchema: schema, run: wrapped });
        return () => made.run(tea);
      },
    ],
    [
      "Mastra",
      (wrapped) => {
        const made = createTool({ ...named, id: "order", inputSchema: schema, execute: wrapped });
        return () => made.execute!(tea, { observe: noopObserve });
      },
    ],
  ])("a wrapped function in a tool of %s has one effect in one step", async (_, make) => {
    const fn = vi.fn<typeof order>(order);
    const call = make(onceTools(openTestRun({ step: () => "s1" }), { order: fn }).order);
    expect([await call(), await call()]).toEqual(["tea ordered", "tea ordered"]);
    expect(fn).toHaveBeenCalledOnce();
  });

  test("a wrapped function gets each argument of its SDK, and its caller may leave by a signal in any", async () => {
    const controller = new AbortController();
    const user = { id: "u1" };
    const isBegun = Promise.withResolvers<void>();
    const isSent = Promise.withResolvers<void>();
    let seen: unknown;
    const wrapped = onceTools(openTestRun({ step: () => "s1" }), {
      order: async (
        { item }: Order,
        context: RunContext<typeof user> & OnceCall,
        details: { signal?: AbortSignal; toolCall?: { callId: string } },
      ) => {
        isBegun.resolve();
        await isSent.promise;
        seen = [context.context.id, context.isToolApproved({ toolName: "order", callId: "1" }), context.once.attempt];
        return `${item} ordered ${details.signal?.aborted} ${details.toolCall?.callId}`;
      },
    });
    const made = openaiTool({ ...named, parameters: schema, execute: wrapped.order, errorFunction: null });
    const toolCall = { type: "function_call", callId: "c1", name: "order", arguments: "{}" } as const;
    const context = new RunContext(user) as RunContext;
    const call = made.invoke(context, JSON.stringify(tea), { toolCall, signal: controller.signal });
    await isBegun.promise;
    controller.abort(new Error("left"));
    await expect(call).rejects.toThrow("left");
    isSent.resolve();
    expect(await made.invoke(context, JSON.stringify(tea), { toolCall })).toBe("tea ordered false c1");
    expect(seen).toEqual(["u1", undefined, 1]);
  });

  test("a tool of the AI SDK that runs elsewhere is returned as it is", () => {
    const asked = tool({ inputSchema: schema, needsApproval: () => true, onInputAvailable: () => undefined });
    const lazy = tool({ inputSchema: () => zodSchema(schema) } as never);
    const provided = { type: "provider", id: "openai.web_search", args: {} } as const;
    const given = { asked, lazy, provided };
    expect(onceTools(openTestRun(), given as never)).toEqual(given);
  });
});
