import { once as onceEvent } from "node:events";
import type { IncomingMessage, RequestListener, ServerResponse } from "node:http";
import { connect, createServer as createHttp2Server, type Http2Server } from "node:http2";
import type { AddressInfo } from "node:net";
import fastifyCookie from "@fastify/cookie";
import fastifyCors from "@fastify/cors";
import fastifyHelmet from "@fastify/helmet";
import koaCors from "@koa/cors";
import cors from "cors";
import { fastify } from "fastify";
import helmet from "helmet";
import Koa from "koa";
import koaCompress from "koa-compress";
import passport from "passport";
import { expect, onTestFinished, test } from "vitest";
import { onceFastify } from "../../packages/once-again/src/frameworks/fastify.ts";
import { onceKoa } from "../../packages/once-again/src/frameworks/koa.ts";
import { onceNode } from "../../packages/once-again/src/frameworks/node.ts";
import { memoryStore } from "../../packages/once-again/src/stores/memory/index.ts";

// Plugins in front of once-again over HTTP/2: a first response is what there would be without it, and so is a repeat.

const options = () => ({ store: memoryStore(), scope: "public", waitMs: 20_000, onError: () => undefined }) as const;

type Middleware = (request: never, response: never, next: (error?: unknown) => void) => void;

/** Calls middleware of Express' kind, one after another. */
function chain(middleware: readonly Middleware[], last: RequestListener): RequestListener {
  const call = (at: number, request: IncomingMessage, response: ServerResponse): void => {
    const next = middleware[at];
    if (next === undefined) last(request, response);
    else
      next(request as never, response as never, (error) => (error ? response.end() : call(at + 1, request, response)));
  };
  return (request, response) => call(0, request, response);
}

/** A strategy that knows one token. */
class TokenStrategy extends passport.Strategy {
  override name = "token";
  override authenticate(request: { headers: Record<string, unknown> }): void {
    if (request.headers["authorization"] === "Bearer secret") this.success({ id: "acme" });
    else this.fail(401);
  }
}

const respond = (request: IncomingMessage, response: ServerResponse): void => {
  const { user } = request as { user?: { id: string } };
  response.writeHead(201, { "content-type": "text/plain", "x-user": user?.id ?? "none" });
  response.end("made");
};

async function listening(server: Http2Server): Promise<string> {
  server.listen(0, "127.0.0.1");
  onTestFinished(() => void server.close());
  await onceEvent(server, "listening");
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const servers: Record<string, (isGuarded: boolean) => Promise<string>> = {
  async "node, helmet, cors and passport"(isGuarded) {
    const authenticator = new passport.Passport();
    authenticator.use(new TokenStrategy());
    const middleware = [
      helmet(),
      cors({ origin: "https://shop.example" }),
      authenticator.initialize(),
      authenticator.authenticate("token", { session: false }),
    ] as unknown as Middleware[];
    const handler = isGuarded ? onceNode(options(), respond) : respond;
    return listening(createHttp2Server(chain(middleware, handler) as never));
  },
  async "koa, @koa/cors and koa-compress"(isGuarded) {
    const app = new Koa();
    app.use(koaCors({ origin: "https://shop.example" })).use(koaCompress({ threshold: 0 }));
    if (isGuarded) app.use(onceKoa(options()));
    app.use((context) => {
      context.status = 201;
      context.set("x-user", "acme");
      context.body = "made";
    });
    return listening(createHttp2Server(app.callback() as never));
  },
  async "fastify, @fastify/helmet, @fastify/cors and @fastify/cookie"(isGuarded) {
    const app = fastify({ http2: true });
    onTestFinished(() => app.close());
    await app.register(fastifyHelmet as never);
    await app.register(fastifyCors as never, { origin: "https://shop.example" } as never);
    await app.register(fastifyCookie as never);
    app.post("/orders", (isGuarded ? onceFastify(options()) : {}) as never, async (_request, reply) =>
      reply.code(201).header("x-user", "acme").send("made"),
    );
    return app.listen({ port: 0, host: "127.0.0.1" });
  },
};

async function exchange2(url: string, authorization: string) {
  const session = connect(url);
  onTestFinished(() => session.destroy());
  const stream = session.request({
    ":method": "POST",
    ":path": "/orders",
    "idempotency-key": "k",
    "content-type": "application/json",
    origin: "https://shop.example",
    authorization,
  });
  stream.end("{}");
  const [headers] = (await onceEvent(stream, "response")) as [Record<string, unknown>];
  const text = Buffer.concat((await Array.fromAsync(stream)) as Buffer[]).toString();
  session.close();
  // A stored response names its length, which HTTP/2 does not need.
  const ours = ["content-length", "date", "idempotency-key-policy", "idempotent-replayed"];
  const others = Object.entries(headers).filter(([header]) => !ours.includes(header));
  return { headers: Object.fromEntries(others), text, replayed: headers["idempotent-replayed"] };
}

test.for(Object.keys(servers))("%s", async (name) => {
  const serve = servers[name]!;
  const [plain, guarded] = [await serve(false), await serve(true)];
  const expected = await exchange2(plain, "Bearer secret");
  expect(expected).toMatchObject({ text: "made", headers: { ":status": 201, "x-user": "acme" } });
  const first = await exchange2(guarded, "Bearer secret");
  const repeat = await exchange2(guarded, "Bearer secret");
  expect(first).toEqual(expected);
  expect(repeat).toEqual({ ...expected, replayed: "true" });
});

test("passport refuses a stranger in front, and no key is looked up", async () => {
  const url = await servers["node, helmet, cors and passport"]!(true);
  await exchange2(url, "Bearer secret");
  expect(await exchange2(url, "Bearer other")).toMatchObject({ headers: { ":status": 401 }, replayed: undefined });
});
