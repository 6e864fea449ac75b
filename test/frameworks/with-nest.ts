import "reflect-metadata";
import {
  All,
  Catch,
  Controller,
  createParamDecorator,
  type ExecutionContext,
  Module,
  Req,
  Res,
  UseInterceptors,
} from "@nestjs/common";
import { NestFactory } from "@nestjs/core";
import type { NestExpressApplication } from "@nestjs/platform-express";
import compression from "compression";
import type { Request, Response } from "express";
import { executionOf, onceNest } from "../../packages/once-again/src/frameworks/nest/interceptor.ts";
import type { NodeExecution } from "../../packages/once-again/src/frameworks/node.ts";
import type { Framework } from "./framework.ts";
import { optionsOf } from "./route.ts";
import { answerError, replyByExpress } from "./with-express.ts";

const Operation = createParamDecorator((_data: unknown, context: ExecutionContext) => executionOf(context));

export const withNest: Framework = {
  name: "nest",
  cannot: {},
  async serve(route) {
    const once = onceNest(optionsOf<Request>(route, (request) => request.headers.authorization));
    const parses = route.parser !== undefined;

    class Orders {
      async answer(execution: NodeExecution, request: Request, response: Response): Promise<void> {
        const body = parses ? JSON.stringify(request.body) : execution.body.toString();
        await replyByExpress(response, await route.handle({ execution, body }));
      }
    }
    class Failures {
      catch(error: Error, host: ExecutionContext): void {
        answerError(error, undefined, host.switchToHttp().getResponse<Response>(), () => undefined);
      }
    }
    class App {}

    // The decorators, applied by hand: Node runs TypeScript without them.
    const method = Object.getOwnPropertyDescriptor(Orders.prototype, "answer")!;
    [Operation, Req, Res].forEach((decorator, index) => decorator()(Orders.prototype, "answer", index));
    All("orders")(Orders.prototype, "answer", method);
    UseInterceptors(once)(Orders.prototype, "answer", method);
    Controller(["v1", "v2"])(Orders);
    Catch()(Failures);
    Module({ controllers: [Orders] })(App);

    const app = await NestFactory.create<NestExpressApplication>(App, {
      logger: false,
      bodyParser: parses,
      rawBody: route.parser !== "before, keeping no bytes",
    });
    if (route.compression !== undefined) app.use(compression({ threshold: 0 }));
    app.useGlobalFilters(new Failures());
    await app.init();
    return {
      listener: app.getHttpAdapter().getInstance() as (request: object, response: object) => void,
      policy: once.policy,
      close: once.close,
    };
  },
};
