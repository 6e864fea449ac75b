import { once } from "node:events";
import { createRequire } from "node:module";
import type { IncomingMessage, ServerResponse } from "node:http";
import { Readable } from "node:stream";
import { finished } from "node:stream/promises";
import { describe, expect, onTestFinished, test } from "vitest";
import { memoryStore } from "../../packages/once-again/src/stores/memory/index.ts";
import { asyncStore } from "../support/async-store.ts";
import { dial } from "../support/dial.ts";
import { posted } from "../support/http-server.ts";
import { until } from "../support/until.ts";
import { rawFrameworks, serveRaw } from "./raw-servers.ts";

/** A package below every framework here, without types. */
const onFinished = createRequire(createRequire(import.meta.url).resolve("express"))("on-finished") as (
  response: ServerResponse,
  listener: (error?: Error | null) => void,
) => void;

// A handler's request and response are complete while its operation runs, as they are without once-again.

type Wait = (response: ServerResponse, request: IncomingMessage) => Promise<unknown>;

/** How handlers and libraries wait for the end of a response that they have ended. */
const waits: [name: string, wait: Wait][] = [
  ["stream.finished", (response) => finished(response.end("made"))],
  ["its event finish", (response) => once(response.end("made"), "finish")],
  ["its event close", (response) => once(response.end("made"), "close")],
  ["the callback of end", (response) => new Promise<void>((resolve) => void response.end("made", resolve))],
  ["on-finished", (response) => new Promise((resolve) => onFinished(response.end("made"), (error) => resolve(error)))],
  [
    "finish of what was written before",
    (response) => {
      response.setHeader("content-length", 4).write("made");
      return once(response.end(), "finish");
    },
  ],
  ["both ends of a pipe", (response) => finished(Readable.from(["ma", "de"]).pipe(response))],
];

describe.for(rawFrameworks)("$name", (framework) => {
  test.for(waits)("a handler that waits for its response by %s goes on when it has ended it", async ([, wait]) => {
    let ends = 0;
    const { url } = await serveRaw(framework, async (request, response) => {
      response.statusCode = 201;
      await wait(response, request);
      ends += 1;
    });
    expect(await posted(url)).toEqual({ status: 201, text: "made", replayed: false });
    expect(await posted(url)).toEqual({ status: 201, text: "made", replayed: true });
    expect(ends).toBe(1);
  });

  test("the socket of a handler is open and has the caller's address, and its settings can be set", async () => {
    const seen: unknown[] = [];
    const { url } = await serveRaw(framework, (request, response) => {
      const { socket } = response;
      seen.push(socket === request.socket, socket?.remoteAddress, socket?.remotePort === 0, socket?.address());
      seen.push([socket?.readable, socket?.writable, socket?.destroyed, socket?.readyState, socket?.pending]);
      socket?.setNoDelay(true).setKeepAlive(true, 1000).setTimeout(0).ref();
      response.on("close", () => seen.push("closed"));
      response.end("made");
      seen.push(response.writableEnded, response.socket === socket);
    });
    expect(await posted(url)).toMatchObject({ status: 200, text: "made" });
    const address = { address: "127.0.0.1", family: "IPv4", port: Number(new URL(url).port) };
    const open = [true, true, false, "open", false];
    expect(seen).toEqual([true, "127.0.0.1", false, address, open, true, true, "closed"]);
  });

  test.for(["response", "request"] as const)("the time-out of a %s is the handler's", async (which) => {
    const { url } = await serveRaw(framework, (request, response) => {
      const message = which === "response" ? response : request;
      message.setTimeout(5, () => void response.writeHead(503).end("slow"));
      return once(response, "close");
    });
    expect(await posted(url)).toEqual({ status: 503, text: "slow", replayed: false });
  });

  test("a writer never waits: what it writes is in memory at once, corked or not", async () => {
    const { url } = await serveRaw(framework, (_request, response) => {
      for (const isCorked of [false, true]) {
        if (isCorked) response.cork();
        for (let part = 0; part < 10; part += 1) expect(response.write(Buffer.alloc(16_384, "x"))).toBe(true);
        if (isCorked) response.uncork();
      }
      expect([response.writableNeedDrain, response.writableLength]).toEqual([false, 0]);
      response.end();
    });
    const [first, repeat] = [await posted(url), await posted(url)];
    expect([first.status, repeat.status, repeat.replayed]).toEqual([200, 200, true]);
    for (const { text } of [first, repeat]) expect(text).toHaveLength(20 * 16_384);
  });

  test("a synchronous stream ends soon after resultBytesMax, and others are served meanwhile", async () => {
    const resultBytesMax = 100_000;
    let pushed = 0;
    const { url } = await serveRaw(
      framework,
      (_request, response) => {
        const source = new Readable({
          read() {
            pushed += 16_384;
            // Endless, but for a test that must end.
            this.push(pushed < 200_000_000 ? Buffer.alloc(16_384) : null);
          },
        });
        source.pipe(response);
      },
      { limits: { resultBytesMax } },
    );
    const response = await posted(url);
    expect(response).toMatchObject({ status: 500, text: expect.stringContaining("ONCE_RESULT_TOO_LARGE") });
    expect(pushed).toBeLessThan(20 * resultBytesMax);
  });

  test("server.close() leaves a caller its response that is being stored", async () => {
    const [ended, go] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const inner = asyncStore(memoryStore());
    const store = {
      ...inner,
      complete: async (request: Parameters<typeof inner.complete>[0]) => {
        ended.resolve();
        await go.promise;
        return inner.complete(request);
      },
    };
    const handler = (_request: IncomingMessage, response: ServerResponse): void =>
      void response.writeHead(201).end("made");
    const { url, server } = await serveRaw(framework, handler, { store });
    const answer = posted(url);
    await ended.promise;
    server.close();
    go.resolve();
    expect(await answer).toEqual({ status: 201, text: "made", replayed: false });
  });

  test("a socket that the handler destroys fails its operation, and the caller has a response", async () => {
    const { url } = await serveRaw(framework, (request, response) => {
      response.write("half");
      request.socket.destroy();
    });
    const first = await posted(url);
    expect(first).toMatchObject({ status: 500, text: expect.stringContaining("ONCE_HANDLER_FAILED") });
    expect(await posted(url)).toEqual({ ...first, replayed: true });
  });

  test("a socket that is destroyed behind a whole response changes nothing of it", async () => {
    const { url } = await serveRaw(framework, (request, response) => {
      response.writeHead(201, { "content-length": 4, "x-order": "7" }).end("made");
      request.socket.destroy();
    });
    for (const replayed of [false, true]) {
      const response = await fetch(url, { method: "POST", headers: { "idempotency-key": "k" } });
      expect([response.status, await response.text(), response.headers.get("x-order")]).toEqual([201, "made", "7"]);
      expect(response.headers.has("idempotent-replayed")).toBe(replayed);
    }
  });

  test("bytes that a handler writes to its socket never reach the caller, and fail its operation", async () => {
    const { url } = await serveRaw(framework, (request) => {
      request.socket.end("HTTP/1.1 299 Raw\r\nContent-Length: 3\r\n\r\nraw");
    });
    expect(await posted(url)).toMatchObject({ status: 500, text: expect.stringContaining("ONCE_HANDLER_FAILED") });
  });

  test("pipelined requests are answered in their order, whichever ends first", async () => {
    const first = Promise.withResolvers<void>();
    const { url } = await serveRaw(framework, async (request, response) => {
      const key = String(request.headers["idempotency-key"]);
      if (key === "a") await first.promise;
      response.writeHead(201, { "x-key": key });
      response.write(`for ${key}`);
      response.end();
      if (key === "b") first.resolve();
    });
    const { socket, heard } = dial(url);
    const request = (key: string): string =>
      `POST / HTTP/1.1\r\nHost: a\r\nIdempotency-Key: ${key}\r\nContent-Length: 2\r\n\r\n{}`;
    socket.write(["a", "b", "c"].map(request).join(""));
    await until(() => heard().includes("for c"));
    expect(heard().match(/x-key: ./g)).toEqual(["x-key: a", "x-key: b", "x-key: c"]);
    // The connection is good for more.
    socket.write(request("a") + request("d"));
    await until(() => heard().includes("for d"));
  });

  test("forty operations on one connection leave no listeners behind", async () => {
    const warnings: unknown[] = [];
    const note = (warning: Error): void => void warnings.push(warning.name);
    process.on("warning", note);
    onTestFinished(() => void process.off("warning", note));
    const counts = new Set<string>();
    const { url } = await serveRaw(framework, (request, response) => {
      const { socket } = request;
      counts.add(
        socket
          .eventNames()
          .map((name) => `${String(name)} ${socket.listenerCount(name)}`)
          .join(),
      );
      response.end("made");
    });
    const { socket, heard } = dial(url);
    for (let number = 1; number <= 40; number += 1) {
      socket.write(`POST / HTTP/1.1\r\nHost: a\r\nIdempotency-Key: k${number}\r\nContent-Length: 2\r\n\r\n{}`);
      await until(() => heard().split("made").length === number + 1);
    }
    expect([counts.size, warnings]).toEqual([1, []]);
  });
});
