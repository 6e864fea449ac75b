import { McpServer } from "@modelcontextprotocol/sdk/server/mcp.js";
import { StdioServerTransport } from "@modelcontextprotocol/sdk/server/stdio.js";
import { onceTool, openToolCalls } from "../../packages/once-again/src/mcp/index.ts";
import { sqliteStore } from "../../packages/once-again/src/stores/sqlite/index.ts";

// A server on stdio with a tool that never ends. It says so to its client, by a notification.

const [path = ""] = process.argv.slice(2);
const once = openToolCalls({ store: sqliteStore({ path }), scope: "alice", leaseMs: 1000 });
const server = new McpServer({ name: "stop", version: "1" }, { capabilities: { logging: {} } });
onceTool(server, "stop", { once }, async ({ sendNotification }) => {
  await sendNotification({ method: "notifications/message", params: { level: "info", data: "running" } });
  return new Promise(() => undefined);
});
await server.connect(new StdioServerTransport());
