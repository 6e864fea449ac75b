import { once } from "node:events";
import type { IncomingMessage } from "node:http";
import { PassThrough } from "node:stream";
import { pipeline } from "node:stream/promises";
import { describe, expect, test } from "vitest";
import { dial } from "../../../../test/support/dial.ts";
import { faultyStore } from "../../../../test/support/faulty-store.ts";
import { startHttpServer, post, posted } from "../../../../test/support/http-server.ts";
import { until } from "../../../../test/support/until.ts";
import type { LeasedHttpOptions } from "../http/index.ts";
import { memoryStore } from "../stores/memory/index.ts";
import { type NodeHandler, onceNode } from "./node.ts";

// Events on connections that HTTP clients hide.

/** Serves a handler, leased, and returns its URL. */
const served = (handler: NodeHandler, options: Partial<LeasedHttpOptions<IncomingMessage>> = {}): Promise<string> =>
  startHttpServer(onceNode({ store: memoryStore(), scope: "public", onError: () => undefined, ...options }, handler));

const head = (key: string, length: number): string =>
  `POST / HTTP/1.1\r\nHost: a\r\nIdempotency-Key: ${key}\r\nContent-Type: text/plain\r\nContent-Length: ${length}\r\n\r\n`;

describe("a caller that hangs up", () => {
  test.for(["end", "pipe", "pipeline begun before", "pipeline begun after"] as const)(
    "does not end its operation, answered by %s: a repeat gets the answer",
    async (style) => {
      const running = Promise.withResolvers<void>();
      let runs = 0;
      let isGone = (): boolean => false;
      // Handlers don't see that the caller has left; code that had the socket before does.
      const scope = ({ socket }: IncomingMessage): string => ((isGone = () => socket.readableEnded), "acme");
      const handler: NodeHandler = async (request, response) => {
        runs += 1;
        const source = new PassThrough();
        if (style === "pipe") source.pipe(response);
        const piping = style === "pipeline begun before" ? pipeline(source, response) : undefined;
        source.write("whole ");
        running.resolve();
        await until(isGone);
        await new Promise((resolve) => setTimeout(resolve, 20));
        expect([response.destroyed, request.socket.destroyed, request.destroyed]).toEqual([false, false, false]);
        if (style === "end") response.end("whole answer");
        else source.end("answer");
        await (style === "pipeline begun after" ? pipeline(source, response) : piping);
      };
      const url = await served(handler, { scope });
      const { socket } = dial(url);
      socket.write(`${head("k", 2)}{}`);
      await running.promise;
      socket.destroy();
      let answer = await posted(url, "k", { body: "{}" });
      while (answer.status === 409) answer = await posted(url, "k", { body: "{}" });
      expect(answer).toEqual({ status: 200, text: "whole answer", replayed: true });
      expect(runs).toBe(1);
    },
  );

  test("in the middle of its upload has run nothing, and its key is free", async () => {
    let runs = 0;
    const store = faultyStore(memoryStore());
    const seen = Promise.withResolvers<void>();
    const scope = (request: IncomingMessage): string => {
      request.on("close", () => seen.resolve());
      return "acme";
    };
    const url = await served((_, response) => void ((runs += 1), response.end("ok")), { store, scope });
    const { socket } = dial(url);
    socket.write(`${head("k", 100)}only this`);
    // The server has its head; whether it has the rest makes no difference.
    await once(socket, "connect");
    await new Promise((resolve) => setTimeout(resolve, 50));
    socket.destroy();
    await seen.promise;
    expect([runs, store.asked]).toEqual([0, []]);
    expect(await posted(url, "k")).toMatchObject({ text: "ok", replayed: false });
  });
});

test("an answer that is made after the one before it on the connection has gone out goes out too", async () => {
  const first = Promise.withResolvers<void>();
  const second = Promise.withResolvers<void>();
  const url = await served(async (_, response, { key }) => {
    await (key === "a" ? first : second).promise;
    response.end(`answer ${key}`);
  });
  const { socket, heard } = dial(url);
  socket.write(head("a", 0) + head("b", 0));
  await once(socket, "connect");
  first.resolve();
  await until(() => heard().includes("answer a"));
  second.resolve();
  await until(() => heard().includes("answer b"));
});

describe("a request body too large", () => {
  test("is refused with a 413 that the caller can read, even when it reads only after sending", async () => {
    const url = await served(() => expect.fail("ran"), { limits: { bodyBytesMax: 1000 } });
    const response = await post(url, "k", { body: new Uint8Array(5_000_000) });
    expect([response.status, await response.text()]).toEqual([413, expect.stringContaining("ONCE_BODY_TOO_LARGE")]);

    const { socket, heard } = dial(url);
    socket.pause();
    socket.write(head("k", 5_000_000));
    for (let sent = 0; sent < 5; sent += 1) {
      await new Promise((resolve) => socket.write(new Uint8Array(1_000_000), resolve));
    }
    socket.resume();
    await until(() => heard().includes("ONCE_BODY_TOO_LARGE"));
    expect(heard()).toMatch(/^HTTP\/1.1 413 /);
    // And the connection is good for the next request.
    socket.write(head("", 0).replace("Idempotency-Key: \r\n", ""));
    await until(() => heard().includes("HTTP/1.1 400 "));
  });

  test("that just fits is taken", async () => {
    const url = await served((_, response, { body }) => void response.end(String(body.length)), {
      limits: { bodyBytesMax: 1000 },
    });
    expect((await posted(url, "a", { body: new Uint8Array(1000) })).text).toBe("1000");
    expect((await posted(url, "b", { body: new Uint8Array(1001) })).status).toBe(413);
  });
});
