import type { DatabaseSync } from "node:sqlite";
import { Router } from "@koa/router";
import Koa from "koa";
import { onceKoa } from "once-again/koa";
import type { NodeExecution } from "once-again/node";
import { handle, type OrderEvent, webhooks } from "./webhooks.ts";

const router = new Router();
router.post("/webhooks", onceKoa(webhooks), (context) => {
  const execution = context.state["once"] as NodeExecution<DatabaseSync>;
  handle(JSON.parse(execution.body.toString()) as OrderEvent, execution);
  context.status = 204;
});
const app = new Koa().use(router.routes());
app.listen(Number(process.env["PORT"] ?? 3000), "127.0.0.1", () => console.log("listening"));
