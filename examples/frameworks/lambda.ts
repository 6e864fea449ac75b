import { type Context, Hono } from "hono";
import { handle } from "hono/aws-lambda";
import { onceHono } from "once-again/hono";
import { sqliteStore } from "once-again/stores/sqlite";

interface Env {
  Variables: { account: string };
}

/** Stands for your sessions: the account of a token with a valid signature. */
const accounts = new Map([["Bearer token-1", "acme"]]);

const once = onceHono({
  // In the cloud, a store that all instances share: PostgreSQL, Redis.
  store: sqliteStore({ path: process.env["KEYS_DB"] ?? "keys.db" }),
  scope: (context: Context<Env>) => context.get("account"),
});

const app = new Hono<Env>();
app.use(async (context, next) => {
  const account = accounts.get(context.req.header("authorization") ?? "");
  if (account === undefined) return context.text("Who are you?", 401);
  context.set("account", account);
  return next();
});
app.post("/orders", once, async (context) => {
  const order: unknown = await context.req.json();
  return context.json({ order, key: context.get("once").key }, 201, { location: "/orders/7" });
});

export const handler = handle(app);
