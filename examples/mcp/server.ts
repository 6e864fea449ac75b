/** An MCP server with a tool that has one effect for each key: `node server.ts` serves it on stdio, `PORT=3002` over HTTP. */
import { DatabaseSync } from "node:sqlite";
import { McpServer } from "@modelcontextprotocol/sdk/server/mcp.js";
import { onceTool, openToolCalls } from "once-again/mcp";
import { sqliteStore } from "once-again/stores/sqlite";
import { z } from "zod";
import { serve } from "./serve.ts";

const path = process.env["SHOP_DB"] ?? "shop.db";
const database = new DatabaseSync(path);
database.exec(
  "PRAGMA journal_mode = WAL; CREATE TABLE IF NOT EXISTS orders (id INTEGER PRIMARY KEY, item TEXT) STRICT",
);

// Made once for the process, however many servers there are. On stdio there is one user, who started it.
const once = openToolCalls({
  mode: "transactional",
  store: sqliteStore({ path }),
  scope: ({ authInfo }) => (authInfo === undefined ? "the one who started it" : (authInfo.extra?.["user"] as string)),
});

await serve(() => {
  const server = new McpServer({ name: "shop", version: "1.0.0" });
  onceTool(
    server,
    "order",
    { once, description: "Orders an item from the shop.", inputSchema: { item: z.string() } },
    async ({ item }, { once: { transaction } }) => {
      if (item === "unicorn") return { isError: true, content: [{ type: "text", text: "There are no unicorns." }] };
      // The order and the key commit together.
      const { lastInsertRowid } = transaction.prepare("INSERT INTO orders (item) VALUES (?)").run(item);
      return { content: [{ type: "text", text: `Order ${lastInsertRowid}: ${item}` }] };
    },
  );
  server.registerTool("count_orders", { annotations: { readOnlyHint: true } }, async () => {
    const row = database.prepare("SELECT count(*) AS orders FROM orders").get();
    return { content: [{ type: "text", text: String(row?.["orders"]) }] };
  });
  return server;
});
