import { serve } from "@hono/node-server";
import { Hono } from "hono";
import { onceHono } from "once-again/hono";
import { sqliteStore } from "once-again/stores/sqlite";

const once = onceHono({
  store: sqliteStore({ path: process.env["KEYS_DB"] ?? "keys.db" }),
  scope: (context) => context.req.header("x-account") ?? "",
});

const app = new Hono();
app.get("/.well-known/idempotency-key", (context) => context.json(once.policy));
app.post("/orders", once, async (context) => {
  const order: unknown = await context.req.json();
  return context.json({ order, key: context.get("once").key }, 201, { location: "/orders/7" });
});

serve({ fetch: app.fetch, port: Number(process.env["PORT"] ?? 3000), hostname: "127.0.0.1" }, () =>
  console.log("listening"),
);
