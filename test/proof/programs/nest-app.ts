import "reflect-metadata";
import type { RequestListener } from "node:http";
import { pipeline } from "node:stream/promises";
import {
  Controller,
  type ExecutionContext,
  Module,
  type NestInterceptor,
  Post,
  RequestTimeoutException,
  Res,
  UseInterceptors,
} from "@nestjs/common";
import { NestFactory } from "@nestjs/core";
import type { Request, Response } from "express";
import { from, mergeMap, race, throwError } from "rxjs";
import { executionOf, onceNest } from "../../../packages/once-again/src/frameworks/nest/interceptor.ts";
import type { Execution } from "../../../packages/once-again/src/engine/index.ts";
import { type App, type AppParts, lateAnswer, mounted, runProgram } from "./app-parts.ts";
import { exchangeHeader } from "./diary.ts";

/** The time-out interceptor of Nest's documentation, at the program's word instead of a clock's. */
const timeoutInterceptor = ({ exchangeOf }: AppParts): NestInterceptor => ({
  intercept(context, next) {
    const request = context.switchToHttp().getRequest<Request>();
    const { timedOut } = exchangeOf(String(request.headers[exchangeHeader]));
    const failing = from(timedOut).pipe(mergeMap(() => throwError(() => new RequestTimeoutException(lateAnswer))));
    return race(next.handle(), failing);
  },
});

export async function nestApp(parts: AppParts): Promise<App> {
  const { program, options } = parts;
  const { all, close } = mounted(parts, () => onceNest(options as never));
  const executions = new WeakMap<Response, Execution<unknown>>();
  const noting: NestInterceptor = {
    intercept(context: ExecutionContext, next) {
      executions.set(context.switchToHttp().getResponse<Response>(), executionOf(context) as Execution<unknown>);
      return next.handle();
    },
  };

  class Programs {
    async answer(response: Response): Promise<void> {
      const exchange = parts.exchangeOf(String(response.req.headers[exchangeHeader]));
      const { status, body, chunks } = await runProgram(parts, exchange, executions.get(response)!, (early, text) => {
        response.status(early).send(text);
      });
      response.status(status);
      if (body === undefined) await pipeline(chunks(), response);
      else response.send(body);
    }
  }
  class Root {}

  // The decorators, applied by hand: Node runs TypeScript without them.
  const method = Object.getOwnPropertyDescriptor(Programs.prototype, "answer")!;
  const timeout = timeoutInterceptor(parts);
  const interceptors = program.timeout === "in-front" ? [timeout, ...all, noting] : [...all, noting, timeout];
  Res()(Programs.prototype, "answer", 0);
  Post("/")(Programs.prototype, "answer", method);
  UseInterceptors(...(interceptors as NestInterceptor[]))(Programs.prototype, "answer", method);
  Controller()(Programs);
  Module({ controllers: [Programs] })(Root);

  const app = await NestFactory.create(Root, { logger: false, rawBody: true });
  await app.init();
  return { listener: app.getHttpAdapter().getInstance() as RequestListener, close };
}
