import type { ServerResponse } from "node:http";
import { PassThrough } from "node:stream";
import { pipeline } from "node:stream/promises";
import { StreamableFile } from "@nestjs/common";
import express from "express";
import { fastify } from "fastify";
import Koa from "koa";
import morgan from "morgan";
import { describe, expect, test } from "vitest";
import { onceExpress } from "../../packages/once-again/src/frameworks/express.ts";
import { onceFastify } from "../../packages/once-again/src/frameworks/fastify.ts";
import { onceKoa } from "../../packages/once-again/src/frameworks/koa.ts";
import { onceNest } from "../../packages/once-again/src/frameworks/nest/interceptor.ts";
import { memoryStore } from "../../packages/once-again/src/stores/memory/index.ts";
import { dial } from "../support/dial.ts";
import { startHttpServer, posted } from "../support/http-server.ts";
import { until } from "../support/until.ts";
import { nestServer } from "./nest-server.ts";

// A response is a stream, and its caller leaves in its middle: the operation goes on to its end, and is stored.

const options = () => ({ store: memoryStore(), scope: "public", waitMs: 20_000, onError: () => undefined }) as const;
const json = { headers: { "content-type": "application/json" } };

describe("a caller that leaves while a stream is written", () => {
  const text = "chunk 0\nchunk 1\nchunk 2\n";

  /** Sends a request, leaves when its handler runs, and lets the handler go on; then asks what became of it. */
  async function leave(url: string, running: Promise<void>, goOn: () => Promise<void>) {
    const { socket } = dial(url);
    socket.write("POST /orders HTTP/1.1\r\nHost: a\r\nIdempotency-Key: order-7\r\nContent-Type: application/json\r\n");
    socket.write('Content-Length: 14\r\n\r\n{"item":"tea"}');
    await running;
    socket.resetAndDestroy();
    await new Promise((resolve) => setTimeout(resolve, 30));
    await goOn();
    return posted(`${url}/orders`, "order-7", json);
  }

  /** A stream with its first chunk there at once, and the others when its reader may be gone. */
  function slowStream() {
    const source = new PassThrough();
    source.write("chunk 0\n");
    return {
      source,
      goOn: async () => {
        source.write("chunk 1\n");
        await new Promise((resolve) => setTimeout(resolve, 5));
        source.end("chunk 2\n");
      },
    };
  }

  for (const platform of ["express", "fastify"] as const) {
    test(`by Nest on ${platform}, as a StreamableFile`, async () => {
      const running = Promise.withResolvers<void>();
      const { source, goOn } = slowStream();
      const handle = (): StreamableFile => {
        setImmediate(running.resolve);
        return new StreamableFile(source, { type: "text/plain" });
      };
      const url = await nestServer({ platform, onMethod: [onceNest(options())], handle });
      expect(await leave(url, running.promise, goOn)).toEqual({ status: 201, text, replayed: true });
    });

    test(`by Nest on ${platform}, through a pipeline into the response`, async () => {
      const running = Promise.withResolvers<void>();
      const { source, goOn } = slowStream();
      const handle = async (_execution: unknown, response: ServerResponse | { raw: ServerResponse }): Promise<void> => {
        setImmediate(running.resolve);
        await pipeline(source, "raw" in response ? response.raw : response);
      };
      const url = await nestServer({ platform, onMethod: [onceNest(options())], handle, isRaw: true });
      expect(await leave(url, running.promise, goOn)).toMatchObject({ text, replayed: true });
    });
  }

  test("by Koa", async () => {
    const running = Promise.withResolvers<void>();
    const { source, goOn } = slowStream();
    const app = new Koa().use(onceKoa(options())).use((context) => {
      context.body = source;
      context.type = "text/plain";
      setImmediate(running.resolve);
    });
    app.silent = true;
    const url = await startHttpServer(app.callback());
    expect(await leave(url, running.promise, goOn)).toEqual({ status: 200, text, replayed: true });
  });

  test("by Fastify", async () => {
    const running = Promise.withResolvers<void>();
    const { source, goOn } = slowStream();
    const app = fastify();
    app.post("/orders", onceFastify(options()), async (_request, reply) => {
      setImmediate(running.resolve);
      return reply.send(source);
    });
    await app.ready();
    const url = await startHttpServer((request, response) => app.routing(request, response));
    expect(await leave(url, running.promise, goOn)).toEqual({ status: 200, text, replayed: true });
  });

  test("by Express, with morgan in front and on-finished behind", async () => {
    const running = Promise.withResolvers<void>();
    const { source, goOn } = slowStream();
    const logged: string[] = [];
    const app = express();
    app.use(morgan(":status", { stream: { write: (line) => void logged.push(line) } }));
    app.post("/orders", onceExpress(options()), morgan("tiny", { skip: () => true }), (_request, response) => {
      source.pipe(response);
      setImmediate(running.resolve);
    });
    const url = await startHttpServer(app as never);
    expect(await leave(url, running.promise, goOn)).toEqual({ status: 200, text, replayed: true });
    await until(() => logged.length > 0);
  });
});
