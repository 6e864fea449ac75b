import { once } from "node:events";
import type { Server } from "node:http";
import type { AddressInfo } from "node:net";
import express, { type Request, type Response } from "express";
import fastify, { type FastifyRequest } from "fastify";
import { onceExpress } from "../../packages/once-again/src/frameworks/express.ts";
import { onceFastify } from "../../packages/once-again/src/frameworks/fastify.ts";
import type { Framework } from "./catalog.ts";
import { contentType, path, status } from "./exchange.ts";
import type { ParsedRequest, Setup, Work } from "./setup.ts";

/** Serves the order with a framework, and a guard in front of its handler. @returns the port. */
export function serve(framework: Framework, setup: Setup): Promise<number> {
  return framework === "express" ? serveExpress(setup) : serveFastify(setup);
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
