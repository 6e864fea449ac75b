import "reflect-metadata";
import {
  Controller,
  createParamDecorator,
  type ExecutionContext,
  type INestApplication,
  Module,
  type NestInterceptor,
  Post,
  Req,
  Res,
  UseInterceptors,
} from "@nestjs/common";
import { NestFactory } from "@nestjs/core";
import { FastifyAdapter } from "@nestjs/platform-fastify";
import { onTestFinished } from "vitest";
import { executionOf, type OnceNest } from "../../packages/once-again/src/frameworks/nest/interceptor.ts";
import type { NodeExecution } from "../../packages/once-again/src/frameworks/node.ts";

type Interceptor = NestInterceptor | OnceNest;

interface NestRoute {
  platform?: "express" | "fastify";
  /** On the controller, the first in front. */
  onController?: Interceptor[];
  /** On the method, behind those. */
  onMethod?: Interceptor[];
  /** Answers by what it returns; where it names a response of the platform's, by that. */
  handle: (execution: NodeExecution<never>, response: never) => unknown;
  /** Whether it answers by the response itself. */
  isRaw?: boolean;
}

const Operation = createParamDecorator((_data: unknown, context: ExecutionContext) => executionOf(context));

/** Serves one route of Nest, `POST /orders`, until the running test ends. @returns its base URL. */
export async function nestServer(route: NestRoute): Promise<string> {
  class Orders {
    create(execution: NodeExecution<never>, _request: unknown, response: never): unknown {
      return route.handle(execution, response);
    }
  }
  class App {}
  // The decorators, applied by hand: Node runs TypeScript without them.
  const method = Object.getOwnPropertyDescriptor(Orders.prototype, "create")!;
  const parameters = route.isRaw ? [Operation, Req, Res] : [Operation, Req];
  parameters.forEach((decorator, index) => decorator()(Orders.prototype, "create", index));
  Post()(Orders.prototype, "create", method);
  UseInterceptors(...((route.onMethod ?? []) as NestInterceptor[]))(Orders.prototype, "create", method);
  UseInterceptors(...((route.onController ?? []) as NestInterceptor[]))(Orders);
  Controller("orders")(Orders);
  Module({ controllers: [Orders] })(App);
  const settings = { logger: false, rawBody: true } as const;
  const app: INestApplication =
    route.platform === "fastify"
      ? await NestFactory.create(App, new FastifyAdapter(), settings)
      : await NestFactory.create(App, settings);
  await app.listen(0, "127.0.0.1");
  onTestFinished(() => app.close());
  return app.getUrl();
}
