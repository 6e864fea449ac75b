import { bodyParser } from "@koa/bodyparser";
import { Router } from "@koa/router";
import Koa, { type Context, type Middleware } from "koa";
import compress from "koa-compress";
import { onceKoa } from "../../packages/once-again/src/frameworks/koa.ts";
import type { NodeExecution } from "../../packages/once-again/src/frameworks/node.ts";
import type { Framework } from "./framework.ts";
import { optionsOf, type Reply } from "./route.ts";

async function replyByKoa(context: Context, reply: Reply): Promise<void> {
  if ("raw" in reply) {
    context.respond = false;
    return reply.raw(context.res);
  }
  for (const [name, value] of Object.entries(reply.headers ?? {})) context.set(name, value);
  context.body = (typeof reply.body === "function" ? reply.body() : reply.body) ?? null;
  context.status = reply.status;
}

const answerErrors: Middleware = async (context, next) => {
  try {
    await next();
  } catch (error) {
    context.status = 500;
    context.body = { failed: (error as Error).message };
  }
};

export const withKoa: Framework = {
  name: "koa",
  cannot: { consumedBody: "Koa's parser keeps the text it read." },
  async serve(route) {
    const once = onceKoa(optionsOf<Context>(route, (context) => context.get("authorization")));
    const app = new Koa();
    app.use(answerErrors);
    if (route.compression === "before") app.use(compress({ threshold: 0 }));
    if (route.parser === "before") app.use(bodyParser());
    const router = new Router();
    router.use(once as Middleware);
    if (route.compression === "behind") router.use(compress({ threshold: 0 }) as Middleware);
    if (route.parser === "behind") router.use(bodyParser() as Middleware);
    router.all("/orders", async (context) => {
      const execution = context.state["once"] as NodeExecution;
      const body = route.parser === undefined ? execution.body.toString() : JSON.stringify(context.request.body);
      await replyByKoa(context, await route.handle({ execution, body }));
    });
    const mounts = new Router().use("/v1", router.routes()).use("/v2", router.routes());
    app.use(mounts.routes());
    app.silent = true;
    const answer = app.callback();
    return { listener: (request, response) => void answer(request, response), policy: once.policy, close: once.close };
  },
};
