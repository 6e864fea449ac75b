import type { RequestListener } from "node:http";
import { bodyParser } from "@koa/bodyparser";
import fastifyCompress from "@fastify/compress";
import { getRequestListener } from "@hono/node-server";
import compression from "compression";
import timeout from "connect-timeout";
import cookieSession from "cookie-session";
import express, { type RequestHandler } from "express";
import { fastify, type FastifyInstance } from "fastify";
import { Hono, type MiddlewareHandler } from "hono";
import { bodyLimit } from "hono/body-limit";
import { compress } from "hono/compress";
import { cors } from "hono/cors";
import { etag } from "hono/etag";
import { logger } from "hono/logger";
import { poweredBy } from "hono/powered-by";
import { prettyJSON } from "hono/pretty-json";
import { secureHeaders } from "hono/secure-headers";
import Koa, { type Middleware } from "koa";
import koaCompress from "koa-compress";
import morgan from "morgan";
import responseTime from "response-time";
import { keepRawBody, onceExpress } from "../../../packages/once-again/src/frameworks/express.ts";
import { onceFastify } from "../../../packages/once-again/src/frameworks/fastify.ts";
import { onceHono } from "../../../packages/once-again/src/frameworks/hono.ts";
import { onceKoa } from "../../../packages/once-again/src/frameworks/koa.ts";
import { chunks } from "./node-programs.ts";
import { options, reportError, type Subject } from "./subject.ts";

// The middleware that is used most, in front of once-again and behind it, around four handlers each.

/** What a plugin is mounted around. */
const routes = ["text", "json", "stream", "redirect", "error"] as const;

const order = { item: "tea", cups: 2, note: "x".repeat(2000) };
const programs = routes.map((route) => `plugin/${route}`);
const silence = { stream: { write: () => undefined } };

const forExpress: Readonly<Record<string, () => RequestHandler>> = {
  compression: () => compression({ threshold: 0 }),
  "connect-timeout": () => timeout("60s"),
  "cookie-session": () => {
    const session = cookieSession({ name: "s", keys: ["key"] });
    return (request, response, next) =>
      session(request, response, () => {
        Object.assign((request as unknown as { session: object }).session, { seen: 1 });
        next();
      });
  },
  "express.json": () => express.json({ verify: keepRawBody }),
  "express.raw": () => express.raw({ type: "*/*" }),
  "express.static": () => express.static("docs", { fallthrough: true }),
  "express.text": () => express.text({ type: "*/*", verify: keepRawBody }),
  "express.urlencoded": () => express.urlencoded({ extended: true }),
  morgan: () => morgan("combined", silence),
  "response-time": () =>
    responseTime((_request, response) => response.setHeader("x-response-time", "1")) as RequestHandler,
};

const forKoa: Readonly<Record<string, () => Middleware>> = {
  "@koa/bodyparser": () => bodyParser() as Middleware,
  "koa-compress": () => koaCompress({ threshold: 0 }) as Middleware,
};

const forFastify: Readonly<Record<string, (app: FastifyInstance) => unknown>> = {
  "@fastify/compress": (app) => app.register(fastifyCompress, { threshold: 0, global: true }),
  "hooks on the raw response, as helmet's": (app) =>
    app.addHook("onRequest", async (_request, reply) => {
      reply.raw.setHeader("content-security-policy", "default-src 'self'");
      reply.raw.setHeader("set-cookie", "seen=1");
      reply.header("x-own", "1");
    }),
  "hooks on what is sent": (app) =>
    app.addHook("onSend", async (_request, reply, payload) => {
      reply.header("x-sent", "1");
      return payload;
    }),
};

const forHono: Readonly<Record<string, () => MiddlewareHandler>> = {
  "body-limit": () => bodyLimit({ maxSize: 100_000 }),
  compress: () => compress({ threshold: 0 }),
  cors: () => cors({ origin: "https://shop.example", credentials: true, exposeHeaders: ["etag"] }),
  etag: () => etag(),
  logger: () => logger(() => undefined),
  "powered-by": () => poweredBy(),
  "pretty-json": () => prettyJSON(),
  "secure-headers": () => secureHeaders(),
};

type Place = "in front" | "behind";

function placed(
  framework: string,
  plugin: string,
  listen: (place: Place, isGuarded: boolean) => Promise<RequestListener>,
): Subject[] {
  return (["in front", "behind"] as const).map((place) => ({
    name: `${framework}, ${plugin} ${place}`,
    programs,
    listener: (isGuarded) => listen(place, isGuarded),
  }));
}

/** Mounts a plugin and once-again in the order that is asked for. */
function mount<Handler>(
  place: Place,
  use: (handler: Handler) => unknown,
  plugin: Handler,
  once: Handler | undefined,
): void {
  const order = place === "in front" ? [plugin, once] : [once, plugin];
  for (const handler of order) if (handler !== undefined) use(handler);
}

const expressSubjects = Object.entries(forExpress).flatMap(([name, make]) =>
  placed("Express", name, async (place, isGuarded) => {
    const app = express();
    const once = isGuarded ? (onceExpress(options()) as unknown as RequestHandler) : undefined;
    mount<RequestHandler>(place, (handler) => app.use(handler), make(), once);
    app.post("/plugin/text", (_request, response) => void response.send("made"));
    app.post("/plugin/json", (_request, response) => void response.status(201).json(order));
    app.post("/plugin/stream", (_request, response) => void chunks("a", "b").pipe(response.type("text/plain")));
    app.post("/plugin/redirect", (_request, response) => response.redirect("/orders/7"));
    app.post("/plugin/error", () => {
      throw new Error("no tea");
    });
    app.use(reportError);
    return app as RequestListener;
  }),
);

const koaSubjects = Object.entries(forKoa).flatMap(([name, make]) =>
  placed("Koa", name, async (place, isGuarded) => {
    const app = new Koa();
    app.silent = true;
    mount<Middleware>(
      place,
      (handler) => app.use(handler),
      make(),
      isGuarded ? (onceKoa(options()) as Middleware) : undefined,
    );
    app.use((context) => {
      const route = context.path.split("/")[2];
      if (route === "error") context.throw(418, "no tea");
      else if (route === "redirect") context.redirect("/orders/7");
      else context.body = route === "text" ? "made" : route === "json" ? order : chunks("a", "b");
    });
    const listener = app.callback();
    return (request, response) => void listener(request, response);
  }),
);

const fastifySubjects = Object.entries(forFastify).map(([name, register]): Subject => ({
  name: `Fastify, ${name}`,
  programs,
  async listener(isGuarded) {
    const app = fastify();
    await register(app);
    const once = isGuarded ? onceFastify(options()) : {};
    app.post("/plugin/text", once, async () => "made");
    app.post("/plugin/json", once, async (_request, reply) => reply.code(201).send(order));
    app.post("/plugin/stream", once, async (_request, reply) => reply.type("text/plain").send(chunks("a", "b")));
    app.post("/plugin/redirect", once, async (_request, reply) => reply.redirect("/orders/7"));
    app.post("/plugin/error", once, async () => {
      throw new Error("no tea");
    });
    await app.ready();
    return (request, response) => app.routing(request, response);
  },
}));

const honoSubjects = Object.entries(forHono).flatMap(([name, make]) =>
  placed("Hono", name, async (place, isGuarded) => {
    const app = new Hono();
    const once = isGuarded ? (onceHono(options()) as unknown as MiddlewareHandler) : undefined;
    mount<MiddlewareHandler>(place, (handler) => app.use(handler), make(), once);
    app.onError((error, context) => context.json({ failed: error.message }, 500));
    app.post("/plugin/text", (context) => context.text("made"));
    app.post("/plugin/json", (context) => context.json(order, 201));
    app.post("/plugin/stream", (context) => context.body(new Blob(["ab"]).stream()));
    app.post("/plugin/redirect", (context) => context.redirect("/orders/7"));
    app.post("/plugin/error", () => {
      throw new Error("no tea");
    });
    return getRequestListener(app.fetch);
  }),
);

export const pluginSubjects: readonly Subject[] = [
  ...expressSubjects,
  ...koaSubjects,
  ...fastifySubjects,
  ...honoSubjects,
];
