import type { RequestHandlerExtra } from "@modelcontextprotocol/sdk/shared/protocol.js";
import type { McpServer as Server1 } from "@modelcontextprotocol/sdk/server/mcp.js";
import type { ServerNotification, ServerRequest } from "@modelcontextprotocol/sdk/types.js";
import type { McpServer as Server2, ServerContext } from "@modelcontextprotocol/server";
import type { DatabaseSync } from "node:sqlite";
import { expectTypeOf, test } from "vitest";
import { z } from "zod";
import type { FunctionExecution } from "../function/index.ts";
import { onceTool, type ToolCalls } from "./index.ts";

test("a handler's arguments are what its schemas read, and its context is the SDK's own, with the operation", () => {
  const make1 = (server: Server1, once: ToolCalls) =>
    onceTool(server, "a", { once, inputSchema: { item: z.string(), count: z.number() } }, async (args, context) => {
      expectTypeOf(args).toEqualTypeOf<{ item: string; count: number }>();
      expectTypeOf(context).toExtend<RequestHandlerExtra<ServerRequest, ServerNotification>>();
      expectTypeOf(context.once).toEqualTypeOf<FunctionExecution>();
      return { content: [] };
    });
  expectTypeOf(make1).returns.toHaveProperty("enable");
  const make2 = (server: Server2, once: ToolCalls<DatabaseSync>) =>
    onceTool(server, "a", { once, inputSchema: z.object({ item: z.string() }) }, async (args, context) => {
      expectTypeOf(args).toEqualTypeOf<{ item: string }>();
      expectTypeOf(context).toExtend<ServerContext>();
      expectTypeOf(context.once.transaction).toEqualTypeOf<DatabaseSync>();
      return { content: [] };
    });
  expectTypeOf(make2).returns.toHaveProperty("enable");
});

test("a result is held to the SDK's", () => {
  const wrong = (server: Server1, once: ToolCalls) =>
    // @ts-expect-error -- A text has its text.
    onceTool(server, "a", { once }, async () => ({ content: [{ type: "text" }] }));
  expectTypeOf(wrong).toBeFunction();
});
