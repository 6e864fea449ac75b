import { fastify } from "fastify";
import { expect, test } from "vitest";
import { dial } from "../../../../test/support/dial.ts";
import { startHttpServer, post, posted } from "../../../../test/support/http-server.ts";
import { memoryStore } from "../stores/memory/index.ts";
import { onceFastify } from "./fastify.ts";

// Fastify's peculiarities; the suites that all frameworks share are in test/frameworks.

const options = (waitMs = 0) => ({ store: memoryStore(), scope: "public", waitMs, onError: () => undefined }) as const;
const json = { headers: { "content-type": "application/json" } };

test("a refusal by a hook or the schema is not stored", async () => {
  const app = fastify();
  let allowed = false;
  app.addHook("preHandler", async (_, reply) => (allowed ? undefined : reply.code(401).send()));
  const schema = { body: { type: "object", required: ["item"] } };
  app.post("/orders", { ...onceFastify(options()), schema }, async (request) => request.body);
  await app.ready();
  const url = `${await startHttpServer((request, response) => app.routing(request, response))}/orders`;
  expect((await posted(url, "k", json)).status).toBe(401);
  allowed = true;
  expect((await posted(url, "k", { ...json, body: "{}" })).status).toBe(400);
  expect(await posted(url, "k", json)).toEqual({ status: 200, text: '{"item":"tea"}', replayed: false });
  expect(await posted(url, "k", json)).toEqual({ status: 200, text: '{"item":"tea"}', replayed: true });
});

test("headers that hooks set before are in answers, repeats and refusals", async () => {
  const app = fastify();
  app.addHook("onRequest", async (_, reply) => void reply.header("access-control-allow-origin", "*"));
  app.post("/orders", onceFastify(options()), async (_, reply) => {
    reply.removeHeader("x-gone");
    return "ok";
  });
  await app.ready();
  const url = `${await startHttpServer((request, response) => app.routing(request, response))}/orders`;
  for (const key of ["k", "k", ""]) {
    const answer = await post(url, key, json);
    expect(answer.status).toBe(key === "" ? 400 : 200);
    expect(answer.headers.get("access-control-allow-origin")).toBe("*");
  }
});

test("headers that hooks set on the raw response, as helmet does, are in first responses, replays and refusals", async () => {
  const app = fastify();
  app.addHook("onRequest", async (_, reply) => {
    reply.raw.setHeader("content-security-policy", "default-src 'self'");
    reply.raw.setHeader("set-cookie", ["seen=1", "theme=dark"]);
    reply.raw.setHeader("x-both", "raw");
    reply.header("x-both", "own");
  });
  app.post("/orders", onceFastify(options()), async () => "ok");
  await app.ready();
  const url = `${await startHttpServer((request, response) => app.routing(request, response))}/orders`;
  for (const key of ["k", "k", ""]) {
    const { status, headers } = await post(url, key, json);
    expect(status).toBe(key === "" ? 400 : 200);
    expect(headers.get("content-security-policy")).toBe("default-src 'self'");
    expect(headers.getSetCookie()).toEqual(["seen=1", "theme=dark"]);
    expect(headers.get("x-both")).toBe("own");
  }
});

test("a handler that returns nothing ends its operation, also for a caller that left", async () => {
  const app = fastify();
  const [running, go] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  app.post("/orders", onceFastify(options(20_000)), async (request) => {
    expect(request.once.key).toBe("order-7");
    running.resolve();
    await go.promise;
  });
  await app.ready();
  const url = await startHttpServer((request, response) => app.routing(request, response));
  const { socket } = dial(url);
  socket.write("POST /orders HTTP/1.1\r\nHost: a\r\nIdempotency-Key: order-7\r\nContent-Type: application/json\r\n");
  socket.write('Content-Length: 14\r\n\r\n{"item":"tea"}');
  await running.promise;
  socket.destroy();
  await new Promise((resolve) => setTimeout(resolve, 30));
  go.resolve();
  expect(await posted(`${url}/orders`, "order-7", json)).toEqual({ status: 200, text: "", replayed: true });
});
