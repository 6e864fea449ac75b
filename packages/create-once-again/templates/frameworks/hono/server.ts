import type { Server } from "node:http";
import { serve } from "@hono/node-server";
import { type Context, Hono } from "hono";
import { onceHono } from "once-again/hono";
import { accountOf } from "./accounts.ts";
import { countCharges } from "./charges.ts";
import { closeAtSigterm } from "./close-at-sigterm.ts";
import { options } from "./options.ts";
import { pay } from "./pay.ts";

const once = onceHono({
  ...options,
  // The account that owns the keys: two accounts never share one.
  scope: (context: Context) => accountOf(context.req.header("authorization"))!,
});

const app = new Hono();
app.use(async (context, next) => {
  if (accountOf(context.req.header("authorization")) === undefined) return context.body(null, 401);
  return next();
});
app.get("/charges", async (context) => context.json({ charges: await countCharges() }));
app.post("/charges", once, async (context) => {
  const { amount } = await context.req.json<{ amount: number }>();
  return context.json(await pay(context.get("once"), amount), 201);
});

const port = Number(process.env["PORT"] ?? 3000);
const server = serve({ fetch: app.fetch, port, hostname: "127.0.0.1" }, () => {
  console.log(`listening on port ${port}`);
});
closeAtSigterm(server as Server, once);
