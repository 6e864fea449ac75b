import "reflect-metadata";
import type { RequestListener } from "node:http";
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
  /** Mounts what stands in front. */
  prepare?: (app: INestApplication) => unknown;
}

const Operation = createParamDecorator((_data: unknown, context: ExecutionContext) => executionOf(context));

/** Serves one route of Nest, `POST /orders`, until the running test ends. @returns its base URL. */
export async function nestServer(route: NestRoute): Promise<string> {
  const app = await makeApp(route, "orders");
  await app.listen(0, "127.0.0.1");
  onTestFinished(() => app.close());
  return app.getUrl();
}

/** The same at "/", for a server of the test's own. */
export async function nestListenerOf(route: NestRoute): Promise<RequestListener> {
  const app = await makeApp(route, "");
  await app.init();
  if (route.platform === "fastify") await (app.getHttpAdapter().getInstance() as { ready(): Promise<void> }).ready();
  onTestFinished(() => app.close());
  const server = app.getHttpServer() as { listeners(event: string): RequestListener[] };
  const [listener] = server.listeners("request");
  return (request, response) => listener!.call(server, request, response);
}

async function makeApp(route: NestRoute, path: string): Promise<INestApplication> {
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
  Controller(path)(Orders);
  Module({ controllers: [Orders] })(App);
  const settings = { logger: false, rawBody: true } as const;
  const app: INestApplication =
    route.platform === "fastify"
      ? await NestFactory.create(App, new FastifyAdapter(), settings)
      : await NestFactory.create(App, settings);
  await route.prepare?.(app);
  return app;
}
