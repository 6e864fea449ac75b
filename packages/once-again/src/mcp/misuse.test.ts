import { McpServer } from "@modelcontextprotocol/sdk/server/mcp.js";
import { describe, expect, test, vi } from "vitest";
import { z } from "zod";
import { memoryStore } from "../stores/memory/index.ts";
import { keyMeta, onceTool, openToolCalls, type ToolResult } from "./index.ts";

test.each(["charge:globex", ""])(
  "a call of a tool named %j is refused: its scope could be another tool's",
  async (name) => {
    const once = openToolCalls({ store: memoryStore(), scope: "alice" });
    const work = vi.fn<() => ToolResult>(() => ({ content: [] }));
    const called = once.call({ name }, {}, { _meta: { [keyMeta]: "k1" } }, work);
    await expect(called).rejects.toMatchObject({
      code: "ONCE_OPTION_INVALID",
      message: expect.stringContaining("without a colon"),
    });
    expect(work).not.toHaveBeenCalled();
  },
);

describe("in plain JavaScript", () => {
  const store = memoryStore();
  const once = openToolCalls({ store, scope: "alice" });
  const server = () => new McpServer({ name: "shop", version: "1" });

  test.each<[string, () => unknown, string]>([
    ["no scope", () => openToolCalls({ store } as never), "scope must be the caller that these keys belong to"],
    ["an empty scope", () => openToolCalls({ store, scope: "" }), "scope must be"],
    ["an unknown mode", () => openToolCalls({ store, scope: "a", mode: "Transactional" } as never), "mode must be"],
    ["a store alone", () => openToolCalls(store as never), "give it as the option `store`"],
    ["a name that is wrong", () => openToolCalls({ store, scope: "a", keyrequired: true } as never), "keyRequired?"],
    [
      "the Server inside",
      () => onceTool(server().server as never, "a", { once }, ok as never),
      "not the Server inside it",
    ],
    ["no server", () => onceTool(undefined as never, "a", { once }, ok as never), "server must be an McpServer"],
    [
      "options for once",
      () => onceTool(server(), "a", { once: { store } as never }, ok),
      "openToolCalls({ store, scope })",
    ],
    ["no handler", () => onceTool(server(), "a", { once }, undefined as never), "handler must be a function"],
    [
      "the handler of a task",
      () => onceTool(server(), "a", { once }, { createTask: ok, getTask: ok, getTaskResult: ok } as never),
      "a tool that runs as a task starts its work by onceFunction in createTask",
    ],
    ["a colon", () => onceTool(server(), "a:b", { once }, ok), "without a colon"],
    [
      "an argument that JSON can't represent",
      () => onceTool(server(), "a", { once, inputSchema: { item: z.string() }, keyArgument: "key" }, ok as never),
      "the name of an argument in inputSchema",
    ],
  ])("%s is a clear error", (_, make, message) => {
    expect(make).toThrow(
      expect.objectContaining({ code: "ONCE_OPTION_INVALID", message: expect.stringContaining(message) }),
    );
  });

  const ok = async () => ({ content: [] });
});
