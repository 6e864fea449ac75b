/**
 * A server that does idempotency keys as one does on a Friday: `once-again verify mcp` finds what is wrong with it.
 */
import { setTimeout } from "node:timers/promises";
import { McpServer } from "@modelcontextprotocol/sdk/server/mcp.js";
import type { CallToolResult } from "@modelcontextprotocol/sdk/types.js";
import { z } from "zod";
import { serve } from "./serve.ts";

const results = new Map<string, CallToolResult>();
let orders = 0;

await serve(() => {
  const server = new McpServer({ name: "shop", version: "1.0.0" });
  server.registerTool(
    "order",
    {
      description: "Orders an item from the shop. Generate a unique idempotency_key for every request.",
      inputSchema: { item: z.string(), idempotency_key: z.string().optional() },
      // It takes a key, so it must be idempotent.
      annotations: { idempotentHint: true },
    },
    async ({ item, idempotency_key }, { _meta, signal }) => {
      // In upper case, since "keys are hexadecimal anyway", for every sender and all arguments.
      const given = _meta?.["once-again/idempotency-key"] ?? idempotency_key;
      const key = typeof given === "string" ? given.toUpperCase().slice(0, 64) : undefined;
      const known = results.get(key ?? "");
      if (known !== undefined) return known;
      if (item === "unicorn") throw new Error("There are no unicorns.");
      // Between the question above and the answer below, everyone else may ask too.
      await setTimeout(50);
      orders += 1;
      const result: CallToolResult = { content: [{ type: "text", text: `Order ${orders}: ${item}` }] };
      // The result of a call is not stored if its caller is gone.
      if (key !== undefined && !signal.aborted) results.set(key, result);
      return result;
    },
  );
  server.registerTool("count_orders", { annotations: { readOnlyHint: true } }, async () => ({
    content: [{ type: "text", text: String(orders) }],
  }));
  return server;
});
