import { serve } from "@hono/node-server";
import { type Context, Hono } from "hono";
import { onceHono } from "once-again/hono";
import { sqliteStore } from "once-again/stores/sqlite";

/** Stands for your authentication: the account of checked credentials. A stranger has no account. */
const accountOf = (context: Context): string | undefined => context.req.header("x-account");

const once = onceHono({
  store: sqliteStore({ path: process.env["KEYS_DB"] ?? "keys.db" }),
  scope: (context: Context) => accountOf(context)!,
});

const app = new Hono();
app.get("/.well-known/idempotency-key", (context) => context.json(once.policy));
app.use("/orders", async (context, next) => {
  if (accountOf(context) === undefined) return context.body(null, 401);
  return next();
});
app.post("/orders", once, async (context) => {
  const order: unknown = await context.req.json();
  return context.json({ order, key: context.get("once").key }, 201, { location: "/orders/7" });
});

serve({ fetch: app.fetch, port: Number(process.env["PORT"] ?? 3000), hostname: "127.0.0.1" }, () =>
  console.log("listening"),
);
