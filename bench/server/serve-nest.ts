import {
  createParamDecorator,
  type ExecutionContext,
  Controller,
  Header,
  Module,
  type NestInterceptor,
  Post,
  Req,
  UseInterceptors,
} from "@nestjs/common";
import { NestFactory } from "@nestjs/core";
import type { Request } from "express";
import type { AddressInfo } from "node:net";
import { executionOf, onceNest } from "../../packages/once-again/src/frameworks/nest/interceptor.ts";
import { contentType, path } from "./exchange.ts";
import type { Setup, Work } from "./setup.ts";

const Operation = createParamDecorator(
  (_data: unknown, context: ExecutionContext) => executionOf<unknown>(context) as { transaction: unknown } | undefined,
);

/** Serves the order with Nest on Express. @returns the port. */
export async function serveNest(setup: Setup): Promise<number> {
  if (setup.kind === "middleware") throw new Error("A middleware of Express can't serve a controller of Nest.");
  const work = setup.work as Work<unknown>;
  const guarded = setup.kind === "function" ? setup.guarded : undefined;

  class Orders {
    create({ headers, body }: Request, operation?: { transaction: unknown }): Promise<string> {
      if (guarded === undefined) return work(operation?.transaction);
      return guarded({ key: String(headers["idempotency-key"]), headers, body: body as Record<string, unknown> }, work);
    }
  }
  class App {}

  // The decorators, applied by hand: Node runs TypeScript without them.
  const method = Object.getOwnPropertyDescriptor(Orders.prototype, "create")!;
  [Req, Operation].forEach((decorator, index) => decorator()(Orders.prototype, "create", index));
  Post()(Orders.prototype, "create", method);
  Header("content-type", contentType)(Orders.prototype, "create", method);
  if (setup.kind !== "function") {
    const interceptor = setup.kind === "leased" ? onceNest(setup.options) : onceNest(setup.options);
    UseInterceptors(interceptor as NestInterceptor)(Orders.prototype, "create", method);
  }
  Controller(path)(Orders);
  Module({ controllers: [Orders] })(App);
  const app = await NestFactory.create(App, { logger: false, rawBody: true });
  const server = (await app.listen(0, "127.0.0.1")) as { address(): AddressInfo };
  return server.address().port;
}
