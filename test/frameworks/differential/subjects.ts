import { readFile } from "node:fs";
import type { IncomingMessage, RequestListener, ServerResponse } from "node:http";
import { getRequestListener } from "@hono/node-server";
import { Router } from "@koa/router";
import express, { type Request as ExpressRequest, type Response as ExpressResponse } from "express";
import { fastify } from "fastify";
import { type Context as HonoContext, Hono } from "hono";
import Koa, { type Context as KoaContext, type Middleware } from "koa";
import { toNodeHandler as srvxListener } from "srvx/node";
import { onceExpress } from "../../../packages/once-again/src/frameworks/express.ts";
import { onceFastify } from "../../../packages/once-again/src/frameworks/fastify.ts";
import { onceWeb } from "../../../packages/once-again/src/frameworks/web.ts";
import { onceHono } from "../../../packages/once-again/src/frameworks/hono.ts";
import { onceKoa } from "../../../packages/once-again/src/frameworks/koa.ts";
import { onceNode } from "../../../packages/once-again/src/frameworks/node.ts";
import { expressPrograms, fastifyPrograms, koaPrograms, nestPrograms } from "./framework-programs.ts";
import { nestListener } from "./nest-listener.ts";
import { nodePrograms } from "./node-programs.ts";
import { nodeProgram, options, pathsOf, programAt, reportError, type Subject } from "./subject.ts";
import { honoPrograms, type WebProgram, webPrograms } from "./web-programs.ts";

const onNode = pathsOf("node", nodePrograms);

const node: Subject = {
  name: "node:http",
  programs: onNode,
  async listener(isGuarded) {
    const handle = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
      await nodeProgram(request)!(response, request);
    };
    if (!isGuarded) return (request, response) => void handle(request, response);
    const once = onceNode(options(), handle);
    return (request, response) => void once(request, response);
  },
};

const withExpress: Subject = {
  name: "Express",
  programs: [...onNode, ...pathsOf("own", expressPrograms)],
  async listener(isGuarded) {
    const app = express();
    app.set("views", "docs").engine("md", (path, _settings, done) => {
      readFile(path, "utf8", done);
    });
    if (isGuarded) app.use(onceExpress(options()));
    app.use(async (request: ExpressRequest, response: ExpressResponse) => {
      const program = nodeProgram(request) ?? programAt("own", expressPrograms, request);
      await program!(response, request);
    });
    app.use(reportError);
    return app as RequestListener;
  },
};

const withKoa: Subject = {
  name: "Koa",
  programs: [...onNode, ...pathsOf("own", koaPrograms)],
  async listener(isGuarded) {
    const app = new Koa();
    app.silent = true;
    const router = new Router();
    if (isGuarded) router.use(onceKoa(options()) as Middleware);
    router.register("/:kind/:name", ["POST", "HEAD"], async (context: KoaContext) => {
      const program = nodeProgram(context);
      if (program === undefined) return void (await programAt("own", koaPrograms, context)!(context));
      context.respond = false;
      context.res.statusCode = 200;
      await program(context.res, context.req);
    });
    app.use(router.routes());
    const listener = app.callback();
    return (request, response) => void listener(request, response);
  },
};

const withFastify: Subject = {
  name: "Fastify",
  programs: [...onNode, ...pathsOf("own", fastifyPrograms)],
  async listener(isGuarded) {
    const app = fastify();
    // The body is left to the handlers on Node's own request.
    app.removeAllContentTypeParsers();
    app.addContentTypeParser("*", (_request, _payload, done) => done(null));
    app.route({
      method: ["POST", "HEAD"],
      url: "/:kind/:name",
      ...(isGuarded && onceFastify(options())),
      handler(request, reply) {
        const program = nodeProgram(request);
        if (program === undefined) return programAt("own", fastifyPrograms, request)!(reply, request);
        reply.hijack();
        void program(reply.raw, request.raw);
        return undefined;
      },
    });
    await app.ready();
    return (request, response) => app.routing(request, response);
  },
};

const nest = (platform: "express" | "fastify"): Subject => ({
  name: `Nest on ${platform}`,
  programs: [...onNode.filter((name) => !/the request's body|echoed/.test(name)), ...pathsOf("own", nestPrograms)],
  listener: (isGuarded) => nestListener(platform, isGuarded),
});

const handleWeb: WebProgram = (request) => programAt("web", webPrograms, request)!(request);

const fetchOn = (server: string, listen: (handle: WebProgram) => RequestListener): Subject => ({
  name: `fetch on ${server}`,
  programs: pathsOf("web", webPrograms),
  listener: async (isGuarded) => listen(isGuarded ? onceWeb(options(), handleWeb) : handleWeb),
});

const withHono: Subject = {
  name: "Hono",
  programs: [...pathsOf("web", webPrograms), ...pathsOf("own", honoPrograms)],
  async listener(isGuarded) {
    const app = new Hono();
    if (isGuarded) app.use(onceHono(options()));
    app.onError((error, context) =>
      "getResponse" in error ? error.getResponse() : context.json({ failed: error.message }, 500),
    );
    app.all("/:kind/:name", (context: HonoContext) => {
      const program = programAt("web", webPrograms, context.req);
      return program?.(context.req.raw) ?? programAt("own", honoPrograms, context.req)!(context);
    });
    return getRequestListener(app.fetch);
  },
};

export const subjects: readonly Subject[] = [
  node,
  withExpress,
  withKoa,
  withFastify,
  nest("express"),
  nest("fastify"),
  withHono,
  fetchOn("@hono/node-server", (handle) => getRequestListener(handle)),
  fetchOn("srvx", (handle) => srvxListener(handle) as RequestListener),
];
