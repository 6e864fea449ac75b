import compress from "@fastify/compress";
import { fastify, type FastifyReply, type FastifyRequest } from "fastify";
import { onceFastify } from "../../packages/once-again/src/frameworks/fastify.ts";
import type { Framework } from "./framework.ts";
import { optionsOf, type Reply } from "./route.ts";

function replyByFastify(reply: FastifyReply, given: Reply): unknown {
  if ("raw" in given) {
    reply.hijack();
    return given.raw(reply.raw);
  }
  return reply
    .code(given.status)
    .headers(given.headers ?? {})
    .send(typeof given.body === "function" ? given.body() : given.body);
}

export const withFastify: Framework = {
  name: "fastify",
  cannot: { consumedBody: "The body is read before Fastify's parser, always." },
  async serve(route) {
    const once = onceFastify(optionsOf<FastifyRequest>(route, (request) => request.headers.authorization));
    const app = fastify();
    if (route.compression !== undefined) await app.register(compress, { threshold: 0, global: true });
    if (route.parser === undefined) {
      app.removeAllContentTypeParsers();
      app.addContentTypeParser("*", (_request, payload, done) => {
        payload.resume().on("end", () => done(null));
      });
    }
    app.setErrorHandler((error: Error, _request, reply) => reply.code(500).send({ failed: error.message }));
    for (const prefix of ["/v1", "/v2"]) {
      await app.register(
        async (scope) => {
          scope.all("/orders", once, async (request, reply) => {
            const { once: execution } = request;
            const body = route.parser === undefined ? execution.body.toString() : JSON.stringify(request.body);
            return replyByFastify(reply, await route.handle({ execution, body }));
          });
        },
        { prefix },
      );
    }
    await app.ready();
    return {
      listener: (request, response) => app.routing(request, response),
      policy: once.policy,
      close: once.close,
    };
  },
};
