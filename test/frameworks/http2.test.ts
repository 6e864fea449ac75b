import { once as onceEvent } from "node:events";
import { connect, constants, createServer as createHttp2Server, type Http2Server } from "node:http2";
import type { AddressInfo } from "node:net";
import process from "node:process";
import { Readable } from "node:stream";
import { fastify } from "fastify";
import Koa from "koa";
import { describe, expect, onTestFinished, test } from "vitest";
import { onceFastify } from "../../packages/once-again/src/frameworks/fastify.ts";
import { onceKoa } from "../../packages/once-again/src/frameworks/koa.ts";
import { onceNode } from "../../packages/once-again/src/frameworks/node.ts";
import { memoryStore } from "../../packages/once-again/src/stores/memory/index.ts";
import { until } from "../support/until.ts";

const options = () => ({ store: memoryStore(), scope: "public", waitMs: 20_000, onError: () => undefined }) as const;

describe("HTTP/2", () => {
  /** Serves on HTTP/2 without TLS until the test ends. */
  async function listening2(server: Http2Server): Promise<string> {
    server.listen(0, "127.0.0.1");
    onTestFinished(() => void server.close());
    await onceEvent(server, "listening");
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  /** Sends one request, its body in pieces and of unknown length. */
  async function exchange2(url: string, key: string, body: string) {
    const session = connect(url);
    onTestFinished(() => session.destroy());
    const stream = session.request({
      ":method": "POST",
      ":path": "/orders",
      "idempotency-key": key,
      "content-type": "application/json",
    });
    stream.write(body.slice(0, 3));
    setImmediate(() => stream.end(body.slice(3)));
    const [headers] = (await onceEvent(stream, "response")) as [Record<string, unknown>];
    const text = Buffer.concat((await Array.fromAsync(stream)) as Buffer[]).toString();
    session.close();
    return { status: headers[":status"], text, replayed: headers["idempotent-replayed"] === "true" };
  }

  // Node warns of it once in a process: this one is the first.
  test("a response reads no reason phrase, of which Node would warn", async () => {
    const warnings: Error[] = [];
    const listener = (warning: Error): void => void warnings.push(warning);
    process.on("warning", listener);
    onTestFinished(() => void process.off("warning", listener));
    const url = await listening2(
      createHttp2Server(onceNode(options(), (_request, response) => void response.end("made")) as never),
    );
    for (const replayed of [false, true]) expect(await exchange2(url, "k", "{}{}")).toMatchObject({ replayed });
    expect(warnings).toEqual([]);
  });

  test("a caller that leaves a large response is served on, where maxSessionMemory has room for it", async () => {
    const large = Buffer.alloc(24 * 1024 * 1024);
    const rules = { ...options(), limits: { resultBytesMax: 2 * large.length } };
    const handler = onceNode(rules, ({ url }, response) => void response.end(url === "/large" ? large : "made"));
    const session = connect(await listening2(createHttp2Server({ maxSessionMemory: 64 }, handler as never)));
    onTestFinished(() => session.destroy());
    const ask = (path: string) =>
      session.request({ ":method": "POST", ":path": path, "idempotency-key": path, "content-length": 0 }).end();
    const left = ask("/large");
    await onceEvent(left, "data");
    left.close(constants.NGHTTP2_CANCEL);
    expect(String(Buffer.concat((await Array.fromAsync(ask("/small"))) as Buffer[]))).toBe("made");
  });

  const servers: [name: string, serve: (ran: string[]) => Promise<string>][] = [
    [
      "node",
      (ran) =>
        listening2(
          createHttp2Server(
            onceNode(options(), (_request, response, { body }) => {
              ran.push(body.toString());
              response.writeHead(201, { "x-order": "7" });
              response.write("or");
              response.end("dered");
            }) as never,
          ),
        ),
    ],
    [
      "koa",
      (ran) => {
        const app = new Koa().use(onceKoa(options())).use((context) => {
          ran.push((context.state["once"] as { body: Buffer }).body.toString());
          context.status = 201;
          context.body = Readable.from(["or", "dered"]);
        });
        return listening2(createHttp2Server(app.callback() as never));
      },
    ],
    [
      "fastify",
      async (ran) => {
        const app = fastify({ http2: true });
        onTestFinished(() => app.close());
        app.post("/orders", onceFastify(options()) as never, async (request, reply) => {
          ran.push(JSON.stringify(request.body));
          return reply.code(201).send("ordered");
        });
        return app.listen({ port: 0, host: "127.0.0.1" });
      },
    ],
  ];

  test.for(servers)("on %s: a first answer, its repeat, and another body", async ([, serve]) => {
    const ran: string[] = [];
    const url = await serve(ran);
    const body = '{"item":"tea"}';
    expect(await exchange2(url, "k", body)).toEqual({ status: 201, text: "ordered", replayed: false });
    expect(await exchange2(url, "k", body)).toEqual({ status: 201, text: "ordered", replayed: true });
    expect(await exchange2(url, "k", '{"item":"coffee"}')).toMatchObject({ status: 422 });
    const large = JSON.stringify({ text: "x".repeat(200_000) });
    expect(await exchange2(url, "large", large)).toMatchObject({ status: 201, replayed: false });
    expect(ran).toEqual([body, large]);
  });

  test("a caller that leaves in its upload has run nothing; one that leaves later ends nothing", async () => {
    const [running, go] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const ran: string[] = [];
    const url = await listening2(
      createHttp2Server(
        onceNode(options(), async (_request, response, { body, key }) => {
          ran.push(`${key} ${body.toString()}`);
          running.resolve();
          if (key === "late") await go.promise;
          response.end("ordered");
        }) as never,
      ),
    );
    const headers = { ":method": "POST", ":path": "/orders", "content-type": "application/json" };
    const early = connect(url);
    const half = early.request({ ...headers, "idempotency-key": "early" });
    half.on("error", () => undefined).write("{");
    await new Promise((resolve) => setTimeout(resolve, 30));
    early.destroy();
    await onceEvent(half, "close");
    expect(await exchange2(url, "early", "{}{}")).toMatchObject({ status: 200, replayed: false });

    const late = connect(url);
    late
      .request({ ...headers, "idempotency-key": "late" })
      .on("error", () => undefined)
      .end("{}{}");
    await until(() => ran.length === 2);
    late.destroy();
    await new Promise((resolve) => setTimeout(resolve, 30));
    go.resolve();
    expect(await exchange2(url, "late", "{}{}")).toEqual({ status: 200, text: "ordered", replayed: true });
    expect(ran).toEqual(["early {}{}", "late {}{}"]);
  });
});
