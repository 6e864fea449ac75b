import { once } from "node:events";
import type { Server } from "node:http";
import type { AddressInfo } from "node:net";
import { serve as serveFetch } from "@hono/node-server";
import { bodyParser } from "@koa/bodyparser";
import { Router, type RouterMiddleware } from "@koa/router";
import express, { type Request, type Response } from "express";
import fastify, { type FastifyRequest } from "fastify";
import { type Context, Hono, type MiddlewareHandler } from "hono";
import Koa from "koa";
import { onceExpress } from "../../packages/once-again/src/frameworks/express.ts";
import { onceFastify } from "../../packages/once-again/src/frameworks/fastify.ts";
import { onceHono } from "../../packages/once-again/src/frameworks/hono.ts";
import { onceKoa } from "../../packages/once-again/src/frameworks/koa.ts";
import type { Framework } from "./catalog.ts";
import { contentType, path, status } from "./exchange.ts";
import type { ParsedRequest, Setup, Work } from "./setup.ts";

/** Serves the order with a framework, and a guard in front of its handler. @returns the port. */
export function serve(framework: Framework, setup: Setup): Promise<number> {
  return servers[framework](setup);
}

async function serveExpress(setup: Setup): Promise<number> {
  const app = express();
  const parse = express.json();
  const answer = (response: Response, text: string) => void response.status(status).type(contentType).send(text);
  // The kind of a setup says which transaction its work is given.
  const work = setup.work as Work<unknown>;
  switch (setup.kind) {
    case "function":
      app.post(path, parse, async (request, response) => {
        answer(response, await setup.guarded(parsedRequest(request), work));
      });
      break;
    case "middleware":
      app.post(path, parse, setup.middleware, async (request, response) => {
        if (!setup.isHit(request)) answer(response, await work(undefined));
      });
      break;
    default: {
      const guard = setup.kind === "leased" ? onceExpress(setup.options) : onceExpress(setup.options);
      app.post(path, guard as express.RequestHandler, parse, async (_request, response) => {
        const { once: operation } = response.locals as { once: { transaction: unknown } };
        answer(response, await work(operation.transaction));
      });
    }
  }
  const server: Server = app.listen(0, "127.0.0.1");
  await once(server, "listening");
  return (server.address() as AddressInfo).port;
}

async function serveKoa(setup: Setup): Promise<number> {
  const app = new Koa();
  const router = new Router();
  const parse = bodyParser() as RouterMiddleware;
  const work = setup.work as Work<unknown>;
  const answer = (context: Koa.Context, text: string) => {
    context.status = status;
    context.type = contentType;
    context.body = text;
  };
  switch (setup.kind) {
    case "function":
      router.post(path, parse, async (context) => {
        const { headers, body } = context.request as unknown as Pick<ParsedRequest, "headers" | "body">;
        const request = { key: context.get("idempotency-key"), headers, body };
        answer(context, await setup.guarded(request, work));
      });
      break;
    case "middleware":
      throw new Error("A middleware of Express can't serve Koa.");
    default: {
      const guard = setup.kind === "leased" ? onceKoa(setup.options) : onceKoa(setup.options);
      router.post(path, guard as unknown as RouterMiddleware, parse, async (context) => {
        const { once: operation } = context.state as { once: { transaction: unknown } };
        answer(context, await work(operation.transaction));
      });
    }
  }
  app.use(router.routes());
  const server = app.listen(0, "127.0.0.1");
  await once(server, "listening");
  return (server.address() as AddressInfo).port;
}

async function serveHono(setup: Setup): Promise<number> {
  const app = new Hono();
  const work = setup.work as Work<unknown>;
  const answer = (context: Context, text: string) => context.body(text, status, { "content-type": contentType });
  switch (setup.kind) {
    case "function":
      app.post(path, async (context) => {
        const body = await context.req.json<Record<string, unknown>>();
        const request = { key: context.req.header("idempotency-key") ?? "", headers: context.req.header(), body };
        return answer(context, await setup.guarded(request, work));
      });
      break;
    case "middleware":
      throw new Error("A middleware of Express can't serve Hono.");
    default: {
      const guard = setup.kind === "leased" ? onceHono(setup.options) : onceHono(setup.options);
      app.post(path, guard as MiddlewareHandler, async (context) => {
        // As the others' parsers do.
        await context.req.json();
        return answer(context, await work(context.get("once").transaction));
      });
    }
  }
  const server = serveFetch({ fetch: app.fetch, port: 0, hostname: "127.0.0.1" });
  if (!server.listening) await once(server, "listening");
  return (server.address() as AddressInfo).port;
}

/** The packages of Nest and Next.js are loaded only for them. */
async function serveNest(setup: Setup): Promise<number> {
  return (await import("./serve-nest.ts")).serveNest(setup);
}

async function serveNext(setup: Setup): Promise<number> {
  return (await import("./serve-web.ts")).serveNext(setup);
}

async function serveWebRequests(setup: Setup): Promise<number> {
  return (await import("./serve-web.ts")).serveWebRequests(setup);
}

const servers: Readonly<Record<Framework, (setup: Setup) => Promise<number>>> = {
  express: serveExpress,
  fastify: serveFastify,
  koa: serveKoa,
  hono: serveHono,
  nest: serveNest,
  next: serveNext,
  web: serveWebRequests,
};

async function serveFastify(setup: Setup): Promise<number> {
  const app = fastify();
  const work = setup.work as Work<unknown>;
  switch (setup.kind) {
    case "function":
      app.post(path, async (request, reply) => {
        const text = await setup.guarded(parsedRequest(request), work);
        return reply.code(status).type(contentType).send(text);
      });
      break;
    case "middleware":
      throw new Error("A middleware of Express can't serve Fastify.");
    default: {
      const guard = setup.kind === "leased" ? onceFastify(setup.options) : onceFastify(setup.options);
      app.post(path, guard, async (request, reply) => {
        const text = await work((request.once as { transaction: unknown }).transaction);
        return reply.code(status).type(contentType).send(text);
      });
    }
  }
  await app.listen({ port: 0, host: "127.0.0.1" });
  return (app.server.address() as AddressInfo).port;
}

function parsedRequest({ headers, body }: Request | FastifyRequest): ParsedRequest {
  return { key: String(headers["idempotency-key"]), headers, body: body as Record<string, unknown> };
}
