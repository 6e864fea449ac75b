import "reflect-metadata";
import type { IncomingMessage, RequestListener, ServerResponse } from "node:http";
import {
  Controller,
  type INestApplication,
  Module,
  type NestInterceptor,
  All,
  Req,
  Res,
  UseInterceptors,
} from "@nestjs/common";
import { NestFactory } from "@nestjs/core";
import { FastifyAdapter } from "@nestjs/platform-fastify";
import { onceNest } from "../../../packages/once-again/src/frameworks/nest/interceptor.ts";
import { nestPrograms } from "./framework-programs.ts";
import { nodeProgram, options, programAt } from "./subject.ts";

/** An application with two routes: one that returns values, and one that answers by the response itself. */
export async function nestListener(
  platform: "express" | "fastify",
  isGuarded: boolean,
  prepare: (app: INestApplication) => unknown = () => undefined,
): Promise<RequestListener> {
  class Programs {
    returned(request: { url: string }): unknown {
      return programAt("own", nestPrograms, request)!();
    }
    async written(
      request: IncomingMessage & { raw?: IncomingMessage },
      response: ServerResponse & { raw?: ServerResponse; hijack?(): void },
    ): Promise<void> {
      response.hijack?.();
      await nodeProgram(request.raw ?? request)!(response.raw ?? response, request.raw ?? request);
    }
  }
  class App {}
  // The decorators, applied by hand: Node runs TypeScript without them.
  const [returned, written] = (["returned", "written"] as const).map((name) =>
    Object.getOwnPropertyDescriptor(Programs.prototype, name)!,
  ) as [PropertyDescriptor, PropertyDescriptor];
  Req()(Programs.prototype, "returned", 0);
  Req()(Programs.prototype, "written", 0);
  Res()(Programs.prototype, "written", 1);
  All("own/:name")(Programs.prototype, "returned", returned);
  All("node/:name")(Programs.prototype, "written", written);
  if (isGuarded) UseInterceptors(onceNest(options()) as unknown as NestInterceptor)(Programs);
  Controller()(Programs);
  Module({ controllers: [Programs] })(App);
  const settings = { logger: false, rawBody: true } as const;
  const app: INestApplication =
    platform === "fastify"
      ? await NestFactory.create(App, new FastifyAdapter(), settings)
      : await NestFactory.create(App, settings);
  await prepare(app);
  await app.init();
  if (platform === "fastify") await (app.getHttpAdapter().getInstance() as { ready(): Promise<void> }).ready();
  const server = app.getHttpServer() as { listeners(event: string): RequestListener[] };
  const [listener] = server.listeners("request");
  return (request, response) => {
    // By itself: an application of Express has a `bind` which adds a route.
    listener!.call(server, request, response);
  };
}
