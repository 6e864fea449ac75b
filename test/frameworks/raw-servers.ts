import { createServer, type IncomingMessage, type RequestListener, type Server, type ServerResponse } from "node:http";
import { once as onceEvent } from "node:events";
import { createRequire } from "node:module";
import type { AddressInfo } from "node:net";
import express from "express";
import { fastify, type FastifyInstance } from "fastify";
import Koa from "koa";
import { onTestFinished } from "vitest";
import { onceExpress } from "../../packages/once-again/src/frameworks/express.ts";
import { onceFastify } from "../../packages/once-again/src/frameworks/fastify.ts";
import { onceKoa } from "../../packages/once-again/src/frameworks/koa.ts";
import { onceNode } from "../../packages/once-again/src/frameworks/node.ts";
import type { LeasedHttpOptions } from "../../packages/once-again/src/http/index.ts";
import { memoryStore } from "../../packages/once-again/src/stores/memory/index.ts";

// The frameworks on Node's http, with one handler that writes to Node's own response.

export type RawHandler = (request: IncomingMessage, response: ServerResponse) => unknown;

export interface RawFramework {
  name: string;
  /** Whether it serves HTTP/2, too. */
  hasHttp2?: boolean;
  /** @param rules `undefined` for a route without once-again. */
  listen: (
    handler: RawHandler,
    rules: Partial<LeasedHttpOptions<never>> | undefined,
    isHttp2?: boolean,
  ) => Promise<RequestListener>;
}

const optionsOf = (rules: Partial<LeasedHttpOptions<never>>) =>
  ({ store: memoryStore(), scope: "public", waitMs: 20_000, onError: () => undefined, ...rules }) as never;

const require = createRequire(import.meta.url);
/** The package has no types. */
const express4 = require("express4") as typeof express;

export const rawFrameworks: readonly RawFramework[] = [
  {
    name: "node",
    hasHttp2: true,
    listen: async (handler, rules) =>
      rules === undefined
        ? (request, response) => void handler(request, response)
        : onceNode(optionsOf(rules), async (request, response) => void (await handler(request, response))),
  },
  ...Object.entries({ express, "express 4": express4 }).map(([name, makeApp]) => ({
    name,
    async listen(handler: RawHandler, rules: Partial<LeasedHttpOptions<never>> | undefined) {
      const app = makeApp();
      // Express adds them to every response.
      app.disable("x-powered-by");
      const once = rules === undefined ? [] : [onceExpress(optionsOf(rules))];
      app.use(
        ...(once as never[]),
        async (request: IncomingMessage, response: ServerResponse, next: (error: unknown) => void) => {
          // Express 4 does not wait for a handler.
          try {
            await handler(request, response);
          } catch (error) {
            next(error);
          }
        },
      );
      return app as never;
    },
  })),
  {
    name: "koa",
    hasHttp2: true,
    async listen(handler, rules) {
      const app = new Koa();
      app.silent = true;
      if (rules !== undefined) app.use(onceKoa(optionsOf(rules)));
      app.use(async (context) => {
        context.respond = false;
        // Koa begins with a 404.
        context.res.statusCode = 200;
        await handler(context.req, context.res);
      });
      return app.callback();
    },
  },
  {
    name: "fastify",
    hasHttp2: true,
    async listen(handler, rules, isHttp2 = false) {
      const app = (isHttp2 ? fastify({ http2: true }) : fastify()) as unknown as FastifyInstance;
      onTestFinished(() => app.close());
      app.addContentTypeParser("*", { parseAs: "buffer" }, (_request, body, done) => done(null, body));
      const once = rules === undefined ? {} : onceFastify(optionsOf(rules));
      app.post("/", once as never, async (request, reply) => {
        reply.hijack();
        await handler(request.raw, reply.raw);
      });
      await app.ready();
      return (request, response) => app.routing(request, response);
    },
  },
];

/** Listens until the running test ends. */
export async function listening(server: Server): Promise<string> {
  server.listen(0, "127.0.0.1");
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  await onceEvent(server, "listening");
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
}

/** Serves a handler by a framework, with once-again in front of it unless `rules` is `undefined`. */
export async function serveRaw(
  framework: RawFramework,
  handler: RawHandler,
  rules: Partial<LeasedHttpOptions<never>> | undefined = {},
): Promise<{ url: string; server: Server }> {
  const server = createServer(await framework.listen(handler, rules));
  return { url: await listening(server), server };
}
