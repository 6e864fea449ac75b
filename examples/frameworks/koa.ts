import { bodyParser } from "@koa/bodyparser";
import { Router } from "@koa/router";
import Koa from "koa";
import { onceKoa } from "once-again/koa";
import type { NodeExecution } from "once-again/node";
import { sqliteStore } from "once-again/stores/sqlite";

/** Stands for your authentication: the account of checked credentials. A stranger has no account. */
const accountOf = (context: Koa.Context): string => context.get("x-account");

const once = onceKoa({
  store: sqliteStore({ path: process.env["KEYS_DB"] ?? "keys.db" }),
  scope: (context: Koa.Context) => accountOf(context),
});

const router = new Router();
router.get("/.well-known/idempotency-key", (context) => void (context.body = once.policy));
router.use("/orders", (context, next) => (accountOf(context) === "" ? void (context.status = 401) : next()));
router.post("/orders", once, (context) => {
  const { key } = context.state["once"] as NodeExecution;
  context.status = 201;
  context.set("location", "/orders/7");
  context.body = { order: context.request.body, key };
});

const app = new Koa().use(bodyParser()).use(router.routes());
app.listen(Number(process.env["PORT"] ?? 3000), "127.0.0.1", () => console.log("listening"));
