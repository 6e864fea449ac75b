import type { DatabaseSync } from "node:sqlite";
import { serve } from "@hono/node-server";
import { Hono } from "hono";
import type { Execution } from "once-again/engine";
import { onceHono } from "once-again/hono";
import { handle, type OrderEvent, webhooks } from "./webhooks.ts";

const app = new Hono();
app.post("/webhooks", onceHono(webhooks), async (context) => {
  handle(await context.req.json<OrderEvent>(), context.get("once") as Execution<DatabaseSync>);
  return context.body(null, 204);
});
const port = Number(process.env["PORT"] ?? 3000);
serve({ fetch: app.fetch, port, hostname: "127.0.0.1" }, () => console.log("listening"));
