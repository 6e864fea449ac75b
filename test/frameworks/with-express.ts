import type { ServerResponse } from "node:http";
import { pipeline } from "node:stream/promises";
import compression from "compression";
import express, { type NextFunction, type Request, type Response } from "express";
import { keepRawBody, noEffectErrors, onceExpress } from "../../packages/once-again/src/frameworks/express.ts";
import type { NodeExecution } from "../../packages/once-again/src/frameworks/node.ts";
import type { Framework } from "./framework.ts";
import { optionsOf, type Reply } from "./route.ts";

/** Answers in Express' way. */
export async function replyByExpress(response: Response, reply: Reply): Promise<void> {
  if ("raw" in reply) return reply.raw(response);
  response.status(reply.status).set(reply.headers ?? {});
  if (typeof reply.body === "function") return pipeline(reply.body(), response);
  response.send(reply.body);
}

/** Mounted behind the routes: how every framework here turns an error into an answer. */
export function answerError(error: Error, _request: unknown, response: Response, _next: NextFunction): void {
  response.status(500).json({ failed: error.message });
}

export const withExpress: Framework = {
  name: "express",
  cannot: {},
  async serve(route) {
    const once = onceExpress(optionsOf<Request>(route, (request) => request.headers.authorization));
    const compress = compression({ threshold: 0 });
    const app = express();
    if (route.compression === "before") app.use(compress);
    if (route.parser === "before") app.use(express.json({ verify: keepRawBody }));
    if (route.parser === "before, keeping no bytes") app.use(express.json());
    const router = express.Router();
    const behind = [
      ...(route.compression === "behind" ? [compress] : []),
      ...(route.parser === "behind" ? [express.json()] : []),
    ];
    router.all("/orders", once, ...behind, async (request, response) => {
      const execution: NodeExecution = response.locals["once"];
      const body = route.parser === undefined ? execution.body.toString() : JSON.stringify(request.body);
      await replyByExpress(response, await route.handle({ execution, body }));
    });
    app.use("/v1", router);
    app.use("/v2", router);
    app.use(noEffectErrors, answerError);
    return {
      listener: app as (request: object, response: ServerResponse) => void,
      policy: once.policy,
      close: once.close,
    };
  },
};
