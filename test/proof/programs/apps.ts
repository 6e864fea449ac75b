import { pipeline } from "node:stream/promises";
import type { IncomingMessage, RequestListener, ServerResponse } from "node:http";
import { Readable } from "node:stream";
import { getRequestListener } from "@hono/node-server";
import express, { type NextFunction, type Request as ExpressRequest, type Response as ExpressResponse } from "express";
import { fastify, type FastifyReply } from "fastify";
import { Hono, type Context as HonoContext, type MiddlewareHandler } from "hono";
import { HTTPException } from "hono/http-exception";
import Koa, { type Context as KoaContext, type Middleware } from "koa";
import { noEffectErrors, onceExpress } from "../../../packages/once-again/src/frameworks/express.ts";
import { onceFastify } from "../../../packages/once-again/src/frameworks/fastify.ts";
import { onceWeb } from "../../../packages/once-again/src/frameworks/web.ts";
import { onceHono } from "../../../packages/once-again/src/frameworks/hono.ts";
import { onceKoa } from "../../../packages/once-again/src/frameworks/koa.ts";
import { onceNode } from "../../../packages/once-again/src/frameworks/node.ts";
import type { Execution } from "../../../packages/once-again/src/engine/index.ts";
import { type App, type AppParts, type Given, lateAnswer, mounted, runProgram } from "./app-parts.ts";
import { type Exchange, exchangeHeader } from "./diary.ts";
import { nestApp } from "./nest-app.ts";
import type { FrameworkName } from "./program.ts";

/** The answer of a time-out, once the program says so. */
const whenTimedOut = <Value>({ timedOut }: Exchange, answer: () => Value): Promise<Value> => timedOut.then(answer);

const idOf = (request: IncomingMessage): string => String(request.headers[exchangeHeader]);

async function nodeApp(parts: AppParts): Promise<App> {
  const handle = async (request: IncomingMessage, response: ServerResponse, execution: Execution<unknown>) => {
    const exchange = parts.exchangeOf(idOf(request));
    void whenTimedOut(exchange, () => {
      if (!response.writableEnded && !response.headersSent) response.writeHead(503).end(lateAnswer);
    });
    const { status, body, chunks } = await runProgram(parts, exchange, execution, (early, text) => {
      response.writeHead(early).end(text);
    });
    response.writeHead(status);
    if (body === undefined) await pipeline(chunks(), response);
    else response.end(body);
  };
  const inner = onceNode(parts.options as never, handle as never);
  const once =
    parts.program.mounts === 2 ? onceNode(parts.options as never, (...args) => inner(args[0], args[1])) : inner;
  return {
    listener: (request, response) => void once(request, response),
    close: async () => void (await Promise.all([inner.close(), once.close()])),
  };
}

function webResponse({ status, body, chunks }: Given): Response {
  if (status === 204) return new Response(null, { status });
  return new Response(body ?? (Readable.toWeb(chunks()) as ReadableStream<Uint8Array>), { status });
}

async function webApp(parts: AppParts): Promise<App> {
  const { program, options } = parts;
  const exchangeIn = (request: Request): Exchange => parts.exchangeOf(request.headers.get(exchangeHeader) ?? "");
  const raced = (request: Request, response: Promise<Response>): Promise<Response> =>
    Promise.race([response, whenTimedOut(exchangeIn(request), () => new Response(lateAnswer, { status: 503 }))]);
  const handle = async (request: Request, execution: Execution<unknown>): Promise<Response> => {
    const answered = runProgram(parts, exchangeIn(request), execution).then(webResponse);
    answered.catch(() => undefined);
    return program.timeout === "behind" ? raced(request, answered) : answered;
  };
  const inner = onceWeb(options as never, handle as never);
  const once = program.mounts === 2 ? onceWeb(options as never, (request: Request) => inner(request)) : inner;
  const answer = getRequestListener(async (request) =>
    program.timeout === "in-front" ? raced(request, once(request)) : once(request),
  );
  return {
    listener: (request, response) => void answer(request, response),
    close: async () => void (await Promise.all([inner.close(), once.close()])),
  };
}

async function expressApp(parts: AppParts): Promise<App> {
  const { program, options } = parts;
  const { all, close } = mounted(parts, () => onceExpress(options as never));
  const timeout = (request: ExpressRequest, response: ExpressResponse, next: NextFunction): void => {
    void whenTimedOut(parts.exchangeOf(idOf(request)), () => {
      if (!response.headersSent) response.status(503).send(lateAnswer);
    });
    next();
  };
  const app = express();
  if (program.timeout === "in-front") app.use(timeout);
  for (const once of all) app.use(once as never);
  if (program.timeout === "behind") app.use(timeout);
  app.post("/", async (request, response) => {
    const { status, body, chunks } = await runProgram(
      parts,
      parts.exchangeOf(idOf(request)),
      response.locals["once"] as Execution<unknown>,
      (early, text) => void response.status(early).send(text),
    );
    response.status(status);
    if (body === undefined) await pipeline(chunks(), response);
    else response.send(body);
  });
  app.use(noEffectErrors, (error: Error, _request: ExpressRequest, response: ExpressResponse, next: NextFunction) => {
    if (response.headersSent) return next(error);
    response.status(500).json({ failed: error.message });
  });
  // Express handles an error after the beginning of an answer by writing to stderr.
  app.set("env", "test");
  return { listener: app as unknown as RequestListener, close };
}

async function fastifyApp(parts: AppParts): Promise<App> {
  const { program, options } = parts;
  const { all, close } = mounted(parts, () => onceFastify(options as never));
  const app = fastify();
  const timeout = async (request: { raw: IncomingMessage }, reply: FastifyReply): Promise<void> => {
    void whenTimedOut(parts.exchangeOf(idOf(request.raw)), () => {
      if (!reply.sent) reply.code(503).send(lateAnswer);
    });
  };
  if (program.timeout === "in-front") app.addHook("onRequest", timeout);
  const hooks = all.map(({ onRequest, preParsing, preHandler, onError }) => ({
    onRequest,
    preParsing,
    preHandler,
    onError,
  }));
  const routeHooks = {
    onRequest: hooks.map(({ onRequest }) => onRequest),
    preParsing: hooks.map(({ preParsing }) => preParsing),
    preHandler: [...hooks.map(({ preHandler }) => preHandler), ...(program.timeout === "behind" ? [timeout] : [])],
    onError: hooks.map(({ onError }) => onError),
  };
  app.post("/", routeHooks as never, async (request, reply) => {
    const { status, body, chunks } = await runProgram(
      parts,
      parts.exchangeOf(idOf(request.raw)),
      (request as unknown as { once: Execution<unknown> }).once,
      (early, text) => void reply.code(early).send(text),
    );
    if (reply.sent) return reply;
    return reply.code(status).send(body ?? chunks());
  });
  await app.ready();
  return {
    listener: (request, response) => app.routing(request, response),
    close: async () => {
      await close();
      await app.close();
    },
  };
}

async function honoApp(parts: AppParts): Promise<App> {
  const { program, options } = parts;
  const { all, close } = mounted(parts, () => onceHono(options as never));
  const exchangeIn = (context: HonoContext): Exchange => parts.exchangeOf(context.req.header(exchangeHeader) ?? "");
  const timeout: MiddlewareHandler = async (context, next) => {
    const timedOut = whenTimedOut(exchangeIn(context), () => {
      throw new HTTPException(503, { message: lateAnswer });
    });
    await Promise.race([next(), timedOut]);
  };
  const app = new Hono();
  if (program.timeout === "in-front") app.use(timeout);
  for (const once of all) app.use(once as never);
  if (program.timeout === "behind") app.use(timeout);
  app.post("/", async (context) =>
    webResponse(await runProgram(parts, exchangeIn(context), context.get("once") as Execution<unknown>)),
  );
  app.onError((error, context) =>
    error instanceof HTTPException ? error.getResponse() : context.json({ failed: error.message }, 500),
  );
  const answer = getRequestListener(app.fetch);
  return { listener: (request, response) => void answer(request, response), close };
}

async function koaApp(parts: AppParts): Promise<App> {
  const { program, options } = parts;
  const { all, close } = mounted(parts, () => onceKoa(options as never));
  const timeout: Middleware = async (context, next) => {
    const timedOut = whenTimedOut(parts.exchangeOf(idOf(context.req)), () => context.throw(503, lateAnswer));
    await Promise.race([next(), timedOut]);
  };
  const app = new Koa();
  app.silent = true;
  if (program.timeout === "in-front") app.use(timeout);
  for (const once of all) app.use(once as never);
  if (program.timeout === "behind") app.use(timeout);
  app.use(async (context: KoaContext) => {
    const { status, body, chunks } = await runProgram(
      parts,
      parts.exchangeOf(idOf(context.req)),
      context.state["once"] as Execution<unknown>,
    );
    context.body = status === 204 ? null : (body ?? chunks());
    context.status = status;
  });
  const answer = app.callback();
  return { listener: (request, response) => void answer(request, response), close };
}

/** How an app of each framework is made. */
export const apps: Readonly<Record<FrameworkName, (parts: AppParts) => Promise<App>>> = {
  node: nodeApp,
  web: webApp,
  express: expressApp,
  fastify: fastifyApp,
  hono: honoApp,
  koa: koaApp,
  nest: nestApp,
};
