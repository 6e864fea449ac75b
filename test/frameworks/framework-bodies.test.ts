import { once as onceEvent } from "node:events";
import { existsSync, writeFileSync } from "node:fs";
import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { Readable } from "node:stream";
import fastifyCompress from "@fastify/compress";
import fastifyStatic from "@fastify/static";
import { getRequestListener } from "@hono/node-server";
import { StreamableFile } from "@nestjs/common";
import compression from "compression";
import { fastify, type FastifyReply } from "fastify";
import { Hono, type MiddlewareHandler } from "hono";
import { compress } from "hono/compress";
import { etag } from "hono/etag";
import Koa, { type Middleware } from "koa";
import koaCompress from "koa-compress";
import { expect, onTestFinished, test } from "vitest";
import { onceFastify } from "../../packages/once-again/src/frameworks/fastify.ts";
import { onceWeb } from "../../packages/once-again/src/frameworks/web.ts";
import { onceHono } from "../../packages/once-again/src/frameworks/hono.ts";
import { onceKoa } from "../../packages/once-again/src/frameworks/koa.ts";
import { onceNest } from "../../packages/once-again/src/frameworks/nest/interceptor.ts";
import { memoryStore } from "../../packages/once-again/src/stores/memory/index.ts";
import { folderOfSuite } from "../support/temporary-folder.ts";
import { bodyOf, bodySizes, chunksOf, decoded, headOf } from "./bodies.ts";
import { everyRow } from "./cover-pairs.ts";
import { exchange, type Received } from "./exchange.ts";
import { nestListenerOf } from "./nest-server.ts";

// A framework's own ways to respond, with its own compression in front of once-again and behind it: the first response is that of
// the same server without once-again, and the repeat is the first one. Below the frameworks: patched-responses.test.ts.

const options = () =>
  ({
    store: memoryStore(),
    scope: "public",
    waitMs: 20_000,
    onError: () => undefined,
    limits: { resultBytesMax: 4_194_304 },
  }) as const;

const folder = folderOfSuite();

/** The same file for the same body: its time is sent. */
function fileOf(body: Buffer): string {
  const name = `${body.length}.txt`;
  if (!existsSync(join(folder(), name))) writeFileSync(join(folder(), name), body);
  return name;
}

const streamOf = (body: Buffer): Readable => Readable.from(chunksOf(body));
const webStreamOf = (body: Buffer): ReadableStream<Uint8Array> =>
  Readable.toWeb(streamOf(body)) as ReadableStream<Uint8Array>;
const type = { "content-type": "text/plain" };

const webWays: Readonly<Record<string, (body: Buffer) => Response>> = {
  text: (body) => new Response(String(body), { headers: type }),
  bytes: (body) => new Response(Uint8Array.from(body), { headers: type }),
  stream: (body) => new Response(webStreamOf(body), { headers: type }),
};

const fastifyWays: Readonly<Record<string, (reply: FastifyReply, body: Buffer) => unknown>> = {
  text: (reply, body) => reply.type("text/plain").send(String(body)),
  bytes: (reply, body) => reply.type("text/plain").send(body),
  stream: (reply, body) => reply.type("text/plain").send(streamOf(body)),
  sendFile: (reply, body) => reply.sendFile(fileOf(body)),
  download: (reply, body) => reply.download(fileOf(body), "tea.txt"),
};

const nodeWays: Readonly<Record<string, (body: Buffer) => string | Buffer | Readable>> = {
  text: String,
  bytes: (body) => body,
  stream: streamOf,
};

interface Application {
  readonly ways: readonly string[];
  listen(way: string, body: Buffer, isOnce: boolean): Promise<RequestListener>;
}

/** Once-again and another middleware, in the order of their places. */
const placed = <Handler>(isBehind: boolean, middleware: Handler, once: Handler | undefined): Handler[] => {
  if (once === undefined) return [middleware];
  return isBehind ? [once, middleware] : [middleware, once];
};

const hono = (middleware: MiddlewareHandler, isBehind: boolean): Application => ({
  ways: Object.keys(webWays),
  async listen(way, body, isOnce) {
    const app = new Hono();
    const once = isOnce ? (onceHono(options()) as unknown as MiddlewareHandler) : undefined;
    app.use(...placed(isBehind, middleware, once));
    app.post("/", () => webWays[way]!(body));
    return getRequestListener(app.fetch);
  },
});

const koa = (isBehind: boolean): Application => ({
  ways: Object.keys(nodeWays),
  async listen(way, body, isOnce) {
    const app = new Koa();
    const once = isOnce ? (onceKoa(options()) as Middleware) : undefined;
    for (const one of placed(isBehind, koaCompress() as Middleware, once)) app.use(one);
    app.use((context) => {
      context.type = "text/plain";
      context.body = nodeWays[way]!(body);
    });
    return app.callback();
  },
});

const nest = (platform: "express" | "fastify"): Application => ({
  ways: Object.keys(nodeWays),
  listen: (way, body, isOnce) =>
    nestListenerOf({
      platform,
      onMethod: isOnce ? [onceNest(options())] : [],
      prepare: (app) => app.use(compression()),
      handle: () => {
        const value = nodeWays[way]!(body);
        return typeof value === "string" ? value : new StreamableFile(value as Buffer);
      },
    }),
});

const applications: Readonly<Record<string, Application>> = {
  "Hono, compress in front": hono(compress(), false),
  "Hono, compress behind": hono(compress(), true),
  "Hono, etag in front": hono(etag(), false),
  "Hono, etag behind": hono(etag(), true),
  "fetch, compression in front": {
    ways: Object.keys(webWays),
    async listen(way, body, isOnce) {
      const handle = (): Response => webWays[way]!(body);
      const listener = getRequestListener(isOnce ? onceWeb(options(), handle) : handle);
      const inFront = compression() as unknown as (...args: unknown[]) => void;
      return (request, response) => inFront(request, response, () => void listener(request, response));
    },
  },
  "Koa, koa-compress in front": koa(false),
  "Koa, koa-compress behind": koa(true),
  "Fastify, @fastify/compress": {
    ways: Object.keys(fastifyWays),
    async listen(way, body, isOnce) {
      const app = fastify();
      onTestFinished(() => app.close());
      await app.register(fastifyCompress, { global: true });
      await app.register(fastifyStatic, { root: folder(), serve: false });
      app.post("/", isOnce ? onceFastify(options()) : {}, async (_request, reply) => fastifyWays[way]!(reply, body));
      await app.ready();
      return (request, response) => app.routing(request, response);
    },
  },
  "Nest on Express, compression in front": nest("express"),
  "Nest on Fastify, compression in front": nest("fastify"),
};

const rows = Object.entries(applications).flatMap(([application, { ways }]) =>
  everyRow({ application: [application], way: ways, size: bodySizes }),
);

test.for(rows)("$application: $size by $way is repeated byte for byte", async ({ application, way, size }) => {
  const body = bodyOf(size);
  const serve = async (isOnce: boolean): Promise<() => Promise<Received>> => {
    const server = createServer(await applications[application]!.listen(way, body, isOnce)).listen(0, "127.0.0.1");
    onTestFinished(() => {
      server.closeAllConnections();
      server.close();
    });
    await onceEvent(server, "listening");
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    return () => exchange(url, { path: "/", headers: { "accept-encoding": "gzip, br" } });
  };
  const [plain, send] = [await (await serve(false))(), await serve(true)];
  const [first, repeat] = [await send(), await send()];
  expect([first.replayed, repeat.replayed]).toEqual([false, true]);
  expect(repeat.body.equals(first.body)).toBe(true);
  expect(headOf(repeat)).toEqual(headOf(first));
  expect(headOf(first)).toEqual(isUncompressed(application, size) ? headOf(first) : headOf(plain));
  expect(decoded(first).equals(decoded(plain))).toBe(true);
});

/** A known difference: an empty body is compressed without once-again, and not where it is stored, since it has no stream. */
const isUncompressed = (application: string, size: string): boolean =>
  size === "empty" && /^(?:Hono, compress|fetch, compression) in front$/.test(application);
