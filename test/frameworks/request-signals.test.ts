import type { IncomingMessage, RequestListener, ServerResponse } from "node:http";
import { fastify, type FastifyReply, type FastifyRequest } from "fastify";
import { getRequestListener } from "@hono/node-server";
import { fromWebHandler, H3 } from "h3";
import { toNodeHandler as h3Listener } from "h3/node";
import { Hono } from "hono";
import { toNodeHandler as srvxListener } from "srvx/node";
import { describe, expect, onTestFinished, test } from "vitest";
import { onceWeb } from "../../packages/once-again/src/frameworks/web.ts";
import { onceFastify } from "../../packages/once-again/src/frameworks/fastify.ts";
import { onceHono } from "../../packages/once-again/src/frameworks/hono.ts";
import { onceNest } from "../../packages/once-again/src/frameworks/nest/interceptor.ts";
import { memoryStore } from "../../packages/once-again/src/stores/memory/index.ts";
import { dial } from "../support/dial.ts";
import { startHttpServer } from "../support/http-server.ts";
import { lastConnection } from "../support/last-connection.ts";
import { until } from "../support/until.ts";
import { exchange } from "./exchange.ts";
import { nestServer } from "./nest-server.ts";

// Web-standard requests have a signal of their connection. What passes it on would be broken off by a caller who leaves.

type Handle = (request: Request) => Promise<Response>;

const options = () => ({ store: memoryStore(), scope: "public", waitMs: 20_000 }) as const;
const fetched = (handle: Handle) => onceWeb(options(), handle);

function honoApp(handle: Handle, isReadBefore = false): RequestListener {
  const app = new Hono();
  if (isReadBefore) {
    app.use(async (context, next) => {
      await context.req.text();
      await next();
    });
  }
  app.post("/v1/orders", onceHono(options()), (context) => handle(context.req.raw));
  return getRequestListener(app.fetch);
}

const servers: Record<string, (handle: Handle) => RequestListener> = {
  "onceHono on @hono/node-server": (handle) => honoApp(handle),
  "onceHono, behind middleware that read the body": (handle) => honoApp(handle, true),
  "onceWeb on @hono/node-server": (handle) => getRequestListener(fetched(handle)),
  "onceWeb on @hono/node-server, beside the platform's own Request": (handle) =>
    getRequestListener(fetched(handle), { overrideGlobalObjects: false }),
  "onceWeb on srvx": (handle) => srvxListener(fetched(handle)) as RequestListener,
  "onceWeb on h3": (handle) => h3Listener(new H3().post("/v1/orders", fromWebHandler(fetched(handle)))),
};

const head =
  "POST /v1/orders HTTP/1.1\r\nHost: a\r\nIdempotency-Key: order-7\r\nContent-Type: application/json\r\nContent-Length: 14\r\n\r\n";

test.for(Object.keys(servers))("%s: a caller who hangs up is not seen by the signals of a handler", async (name) => {
  const [running, left] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  let effects = 0;
  const serve = servers[name]!(async (request) => {
    const signals = [request.signal, request.clone().signal, request.clone().clone().signal];
    running.resolve();
    await left.promise;
    // A turn for other listeners to the same event.
    await new Promise((resolve) => setImmediate(resolve));
    for (const signal of signals) signal.throwIfAborted();
    request.signal.throwIfAborted();
    effects += 1;
    return Response.json(await request.json(), { status: 201 });
  });
  const url = await startHttpServer((request: IncomingMessage, response: ServerResponse) => {
    response.once("close", left.resolve);
    serve(request, response);
  });
  const { socket } = dial(url);
  socket.write(`${head}{"item":"tea"}`);
  await running.promise;
  socket.resetAndDestroy();
  expect(await exchange(url)).toMatchObject({ status: 201, text: '{"item":"tea"}', replayed: true });
  expect(effects).toBe(1);
});

test.for(Object.keys(servers).filter((name) => !/srvx|h3/.test(name)))(
  "%s: nor by those of requests that the platform copies from it",
  async (name) => {
    const [running, left] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const serve = servers[name]!(async (request) => {
      const copy = new Request(request);
      running.resolve();
      await left.promise;
      await new Promise((resolve) => setImmediate(resolve));
      copy.signal.throwIfAborted();
      return new Response(await copy.text(), { status: 201 });
    });
    const url = await startHttpServer((request: IncomingMessage, response: ServerResponse) => {
      response.once("close", left.resolve);
      serve(request, response);
    });
    const { socket } = dial(url);
    socket.write(`${head}{"item":"tea"}`);
    await running.promise;
    socket.resetAndDestroy();
    expect(await exchange(url)).toMatchObject({ status: 201, text: '{"item":"tea"}', replayed: true });
  },
);

/** Fastify's `request.signal` is of the request as a stream. It exists for requests without a body, too. */
const fastifyServers: Record<string, (handle: (request: FastifyRequest) => unknown) => Promise<string>> = {
  async onceFastify(handle) {
    const app = fastify();
    onTestFinished(() => app.close());
    app.post("/orders", onceFastify(options()), async (request, reply) => reply.code(201).send(await handle(request)));
    return app.listen({ port: 0, host: "127.0.0.1" });
  },
  "onceNest on Fastify": (handle) =>
    nestServer({
      platform: "fastify",
      onMethod: [onceNest(options())],
      isRaw: true,
      handle: async (_execution, reply: FastifyReply) => void reply.code(201).send(await handle(reply.request)),
    }),
};

describe.for(Object.keys(fastifyServers))("%s", (name) => {
  test.for(["with a body", "without a body"])(
    "a caller who hangs up is not seen by request.signal, %s",
    async (body) => {
      const connection = lastConnection();
      const running = Promise.withResolvers<void>();
      let effects = 0;
      const url = await fastifyServers[name]!(async ({ signal }) => {
        running.resolve();
        await until(() => connection()?.destroyed === true);
        // A turn for other listeners to the same event.
        await new Promise((resolve) => setImmediate(resolve));
        signal.throwIfAborted();
        effects += 1;
        return "made";
      });
      const { socket } = dial(url);
      const text = body === "with a body" ? '{"item":"tea"}' : "";
      const type = text === "" ? "" : "Content-Type: application/json\r\n";
      const length = `Content-Length: ${text.length}\r\n`;
      socket.write(`POST /orders HTTP/1.1\r\nHost: a\r\nIdempotency-Key: order-7\r\n${type}${length}\r\n${text}`);
      await running.promise;
      socket.resetAndDestroy();
      const headers = { "idempotency-key": "order-7", ...(text !== "" && { "content-type": "application/json" }) };
      const repeat = await fetch(`${url}/orders`, { method: "POST", headers, body: text === "" ? null : text });
      expect([repeat.status, await repeat.text(), repeat.headers.get("idempotent-replayed")]).toEqual([
        201,
        "made",
        "true",
      ]);
      expect(effects).toBe(1);
    },
  );
});

test("the signal of a handler's request and of its clones is that of its operation, which has a time", async () => {
  const reasons: unknown[] = [];
  const gone = new AbortController();
  const once = onceWeb(
    { store: memoryStore(), scope: "public", limits: { handlerMsMax: 20 }, onError: () => undefined },
    async (request, execution) => {
      const { signal } = request.clone();
      gone.abort(new Error("the caller left"));
      expect(request.signal).toBe(execution.signal);
      const { promise, resolve } = Promise.withResolvers<void>();
      signal.addEventListener("abort", () => resolve());
      await promise;
      reasons.push(request.signal.reason, signal.reason);
      throw signal.reason;
    },
  );
  const init = { method: "POST", body: "{}", headers: { "idempotency-key": "k" }, signal: gone.signal };
  expect((await once(new Request("https://shop.example/orders", init))).status).toBe(504);
  expect(reasons).toMatchObject([{ code: "ONCE_HANDLER_TIMEOUT" }, { code: "ONCE_HANDLER_TIMEOUT" }]);
});
