/** An MCP server on stdio, with a tool that says it only reads, and writes; and that takes any text for a key. */
import { McpServer } from "@modelcontextprotocol/sdk/server/mcp.js";
import type { CallToolResult } from "@modelcontextprotocol/sdk/types.js";
import { z } from "zod";
import { serve } from "../../examples/mcp/serve.ts";

const results = new Map<unknown, CallToolResult>();
let orders = 0;

await serve(() => {
  const server = new McpServer({ name: "shop", version: "1.0.0" });
  const annotations = { readOnlyHint: true };
  server.registerTool("order", { annotations, inputSchema: { item: z.string() } }, async ({ item }, { _meta }) => {
    const key = _meta?.["once-again/idempotency-key"];
    const known = results.get(key);
    if (known !== undefined) return known;
    orders += 1;
    const result: CallToolResult = { content: [{ type: "text", text: `Order ${orders}: ${item}` }] };
    if (key !== undefined) results.set(key, result);
    return result;
  });
  server.registerTool("count_orders", { annotations }, async () => ({
    content: [{ type: "text", text: String(orders) }],
  }));
  return server;
});
