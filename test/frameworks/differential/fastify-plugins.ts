import { setImmediate as turn } from "node:timers/promises";
import fastifyCompress from "@fastify/compress";
import fastifyCookie from "@fastify/cookie";
import fastifyCors from "@fastify/cors";
import fastifyHelmet from "@fastify/helmet";
import fastifyMultipart from "@fastify/multipart";
import fastifySensible from "@fastify/sensible";
import fastifyStatic from "@fastify/static";
import { fastify, type FastifyInstance, type FastifyReply, type FastifyRequest } from "fastify";
import process from "node:process";
import { onceFastify } from "../../../packages/once-again/src/frameworks/fastify.ts";
import { chunks } from "./node-programs.ts";
import { order, upload } from "./plugin.ts";
import { options, type RequestForm, type Subject } from "./subject.ts";

type Route = (reply: FastifyReply, request: FastifyRequest) => unknown;

interface Plugin {
  readonly register: (app: FastifyInstance) => unknown;
  readonly request?: RequestForm;
  readonly routes?: Readonly<Record<string, Route>>;
}

const common: Readonly<Record<string, Route>> = {
  text: () => "made",
  json: (reply) => reply.code(201).send(order),
  stream: (reply) => reply.type("text/plain").send(chunks("a", "b")),
  redirect: (reply) => reply.redirect("/orders/7"),
  error: () => {
    throw new Error("no tea");
  },
  "an error after the response": async (reply) => {
    reply.code(201).send("made");
    await turn();
    throw new Error("no tea");
  },
};

const plugins: Readonly<Record<string, Plugin>> = {
  "@fastify/compress": { register: (app) => app.register(fastifyCompress, { threshold: 0, global: true }) },
  "@fastify/cookie": {
    register: (app) => app.register(fastifyCookie, { secret: "key" }),
    request: { headers: { cookie: "seen=1" } },
    routes: {
      cookies: (reply, { cookies }) =>
        reply
          .setCookie("a", "1", { httpOnly: true })
          .setCookie("b", "2", { signed: true })
          .clearCookie("c")
          .send(cookies),
    },
  },
  "@fastify/cors": {
    register: (app) =>
      app.register(fastifyCors, { origin: "https://shop.example", credentials: true, exposedHeaders: ["etag"] }),
  },
  "@fastify/helmet": { register: (app) => app.register(fastifyHelmet, { global: true }) },
  "@fastify/multipart": {
    register: (app) => app.register(fastifyMultipart),
    request: upload,
    routes: {
      parts: async (_reply, request) => {
        const seen: unknown[] = [];
        for await (const part of request.parts()) {
          seen.push([part.fieldname, part.type === "file" ? String(await part.toBuffer()) : part.value]);
        }
        return seen;
      },
      file: async (_reply, request) => String(await (await request.file())?.toBuffer()),
    },
  },
  "@fastify/sensible": {
    register: (app) => app.register(fastifySensible),
    routes: {
      "a problem": (reply) => reply.conflict("no tea"),
      "a thrown problem": (_reply, { server }) => {
        throw server.httpErrors.imateapot("no tea");
      },
      vary: (reply) => {
        reply.vary("accept");
        reply.cacheControl("no-store");
        return "made";
      },
    },
  },
  "@fastify/static": {
    register: (app) => app.register(fastifyStatic, { root: process.cwd(), serve: false }),
    routes: {
      sendFile: (reply) => reply.sendFile("package.json"),
      "a file that is missing": (reply) => reply.sendFile("no-such-file"),
      download: (reply) => reply.download("LICENSE"),
    },
  },
  "hooks on the raw response": {
    register: (app) =>
      app.addHook("onRequest", async (_request, reply) => {
        reply.raw.setHeader("content-security-policy", "default-src 'self'");
        reply.raw.setHeader("set-cookie", "seen=1");
        reply.header("x-own", "1");
      }),
  },
  "hooks on what is sent": {
    register: (app) =>
      app.addHook("onSend", async (_request, reply, payload) => {
        reply.header("x-sent", "1");
        return payload;
      }),
  },
};

export const fastifySubjects: readonly Subject[] = Object.entries(plugins).map(([name, plugin]): Subject => {
  const routes = { ...common, ...plugin.routes };
  return {
    name: `Fastify, ${name}`,
    programs: Object.keys(routes).map((route) => `plugin/${route}`),
    request: plugin.request ?? {},
    async listener(isGuarded) {
      const app = fastify({ exposeHeadRoutes: false });
      await plugin.register(app);
      const once = isGuarded ? onceFastify(options()) : {};
      for (const [route, handle] of Object.entries(routes)) {
        app.route({
          method: ["POST", "HEAD"],
          url: `/plugin/${encodeURIComponent(route)}`,
          ...once,
          handler: async (request, reply) => handle(reply, request),
        });
      }
      await app.ready();
      return (request, response) => app.routing(request, response);
    },
  };
});
