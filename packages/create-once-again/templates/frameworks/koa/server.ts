import { bodyParser } from "@koa/bodyparser";
import { Router } from "@koa/router";
import Koa from "koa";
import { onceKoa } from "once-again/koa";
import { accountOf } from "./accounts.ts";
import { countCharges, type Operation } from "./charges.ts";
import { closeAtSigterm } from "./close-at-sigterm.ts";
import { options } from "./options.ts";
import { pay } from "./pay.ts";

const once = onceKoa({
  ...options,
  // The account that owns the keys: two accounts never share one.
  scope: (context: Koa.Context) => accountOf(context.get("authorization"))!,
});

const router = new Router();
router.use((context, next) => {
  if (accountOf(context.get("authorization")) !== undefined) return next();
  context.status = 401;
});
router.get("/charges", async (context) => {
  context.body = { charges: await countCharges() };
});
router.post("/charges", once, async (context) => {
  const { amount } = context.request.body as { amount: number };
  context.status = 201;
  context.body = await pay(context.state["once"] as Operation, amount);
});

const port = Number(process.env["PORT"] ?? 3000);
const app = new Koa().use(bodyParser()).use(router.routes());
const server = app.listen(port, "127.0.0.1", () => console.log(`listening on port ${port}`));
closeAtSigterm(server, once);
