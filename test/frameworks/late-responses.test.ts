import { once as onceEvent } from "node:events";
import type { IncomingMessage, RequestListener, ServerResponse } from "node:http";
import { connect, createServer as createHttp2Server } from "node:http2";
import type { AddressInfo } from "node:net";
import { Readable } from "node:stream";
import { describe, expect, onTestFinished, test } from "vitest";
import { memoryStore } from "../../packages/once-again/src/stores/memory/index.ts";
import { dial } from "../support/dial.ts";
import { until } from "../support/until.ts";
import { exchange } from "./exchange.ts";
import { frameworks } from "./frameworks.ts";
import { rawFrameworks, serveRaw } from "./raw-servers.ts";
import type { Reply } from "./route.ts";
import { serving } from "./serving.ts";

// A handler that takes longer than handlerMsMax: its caller gets our 504, and the key gets the handler's response.

const handlerMsMax = 20;
const rules = () => ({ store: memoryStore(), limits: { handlerMsMax }, waitMs: 20_000 });

const replies: [name: string, reply: Reply][] = [
  ["a text", { status: 201, headers: { "content-type": "text/plain", "x-order": "7" }, body: "made" }],
  [
    "a stream",
    {
      status: 201,
      headers: { "content-type": "text/plain", "x-order": "7" },
      body: () => Readable.from([Buffer.from("ma"), Buffer.from("de")]),
    },
  ],
];

describe.for(frameworks)("$name", (framework) => {
  test.for(replies)("a late response, %s, is the result of its key", async ([, reply]) => {
    const go = Promise.withResolvers<void>();
    let runs = 0;
    const { url } = await serving(framework, {
      rules: rules(),
      handle: async () => {
        runs += 1;
        await go.promise;
        return reply;
      },
    });
    expect(await exchange(url)).toMatchObject({ status: 504, text: expect.stringContaining("ONCE_HANDLER_TIMEOUT") });
    const repeat = exchange(url);
    go.resolve();
    const [first, second] = [await repeat, await exchange(url)];
    expect(first).toMatchObject({ status: 201, text: "made", replayed: true });
    expect(first.headers["x-order"]).toBe("7");
    expect(second).toMatchObject({ status: 201, text: "made", replayed: true });
    expect(Object.keys(second.headers).toSorted()).toEqual(Object.keys(first.headers).toSorted());
    expect(runs).toBe(1);
  });

  test("a late response has the headers of one in time, and none of the 504's", async () => {
    const go = Promise.withResolvers<void>();
    const route = { handle: async () => (await go.promise, replies[0]![1]) };
    const { url } = await serving(framework, { ...route, rules: rules() });
    expect((await exchange(url)).status).toBe(504);
    const late = exchange(url);
    go.resolve();
    const inTime = await serving(framework, { ...route, rules: { store: memoryStore() } });
    await exchange(inTime.url);
    const expected = await exchange(inTime.url);
    expect(Object.keys((await late).headers).toSorted()).toEqual(Object.keys(expected.headers).toSorted());
  });

  test("an error that is thrown late is the result of its key", async () => {
    const go = Promise.withResolvers<void>();
    const { url } = await serving(framework, {
      rules: rules(),
      handle: async () => {
        await go.promise;
        throw new Error("late");
      },
    });
    expect((await exchange(url)).status).toBe(504);
    const repeat = exchange(url);
    go.resolve();
    expect(await repeat).toMatchObject({ status: 500, replayed: true });
  });
});

/** Asks for the operation of the key "late", as `request` does. */
const ask = async (url: string) => {
  const { status, text, replayed } = await exchange(url.slice(0, -1), { path: "/", key: "late", body: "{}" });
  return { status, text, replayed };
};

const made = (key: unknown): string => `made ${String(key)}`;

/** Whether it is the request that waits in front. Koa gives its context. */
function isFirst(native: { headers?: IncomingMessage["headers"]; req?: IncomingMessage }): boolean {
  return (native.headers ?? native.req?.headers)?.["idempotency-key"] === "a";
}

type Latch = PromiseWithResolvers<void>;

/** A handler that responds when it may, and says then that its response ended. */
function lateHandler() {
  const [running, go, ended] = [0, 1, 2].map(() => Promise.withResolvers<void>()) as [Latch, Latch, Latch];
  const seen: string[] = [];
  const handle = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const key = request.headers["idempotency-key"];
    const note = (event: string) => (): void => void seen.push(event);
    if (key !== "late") return void response.end(made(key));
    response.on("finish", note("finish")).on("close", note("close"));
    for (const event of ["close", "aborted", "error"]) request.on(event, note(`request ${event}`));
    running.resolve();
    await go.promise;
    seen.push(`${response.headersSent} ${response.writableEnded} ${response.destroyed} ${response.statusCode}`);
    response.writeHead(201, { "x-order": "7" });
    response.write("ma");
    response.end("de", ended.resolve);
  };
  return { running: running.promise, go: go.resolve, ended: ended.promise, seen, handle };
}

const request = (key: string): string =>
  `POST / HTTP/1.1\r\nHost: a\r\nIdempotency-Key: ${key}\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}`;

describe.for(rawFrameworks)("$name", (framework) => {
  test("the connection of a 504 goes on, and the late response finds itself as it was", async () => {
    const { go, ended, seen, handle } = lateHandler();
    const { url } = await serveRaw(framework, handle, rules());
    const { socket, heard } = dial(url);
    socket.write(request("late"));
    await until(() => heard().includes("ONCE_HANDLER_TIMEOUT"));
    socket.write(request("b") + request("c"));
    await until(() => heard().includes("made c"));
    expect(seen.filter((event) => event !== "request close")).toEqual([]);
    go();
    await ended;
    await until(() => seen.includes("close"));
    expect(seen.filter((event) => event !== "request close")).toEqual(["false false false 200", "finish", "close"]);
    expect(await ask(url)).toEqual({ status: 201, text: "made", replayed: true });
    socket.write(request("d"));
    await until(() => heard().includes("made d"));
    expect(heard().match(/HTTP\/1.1 \d+/g)).toEqual([504, 200, 200, 200].map((status) => `HTTP/1.1 ${status}`));
  });

  test("a 504 waits for its turn behind an earlier response of the connection", async () => {
    const first = Promise.withResolvers<void>();
    const { go, handle } = lateHandler();
    const { url } = await serveRaw(
      framework,
      async (incoming, response) => {
        if (incoming.headers["idempotency-key"] !== "a") return handle(incoming, response);
        response.write("slow ");
        await first.promise;
        response.end(made("a"));
      },
      { ...rules(), skip: isFirst },
    );
    const { socket, heard } = dial(url);
    socket.write(request("a") + request("late"));
    const repeat = ask(url);
    expect(heard()).not.toContain("504");
    first.resolve();
    await until(() => heard().includes("ONCE_HANDLER_TIMEOUT"));
    expect(heard().match(/HTTP\/1.1 \d+/g)).toEqual(["HTTP/1.1 200", "HTTP/1.1 504"]);
    go();
    expect(await repeat).toMatchObject({ status: 201, replayed: true });
  });

  test.for(["before the 504", "behind the 504"])("a caller that leaves %s changes nothing", async (when) => {
    const { running, go, ended, seen, handle } = lateHandler();
    const errors: unknown[] = [];
    const { url } = await serveRaw(framework, handle, { ...rules(), onError: (error) => void errors.push(error) });
    const { socket, heard } = dial(url);
    socket.write(request("late"));
    if (when === "before the 504") {
      await running;
      socket.resetAndDestroy();
    } else {
      await until(() => heard().includes("ONCE_HANDLER_TIMEOUT"));
      socket.resetAndDestroy();
    }
    await until(() => errors.length > 0);
    const repeat = ask(url);
    go();
    await ended;
    expect(await repeat).toEqual({ status: 201, text: "made", replayed: true });
    const before = seen.slice(0, seen.indexOf("false false false 200"));
    expect(before.filter((event) => event !== "request close")).toEqual([]);
  });

  test("middleware in front sees the 504 go out, and nothing of the late response", async () => {
    const { go, ended, handle } = lateHandler();
    const listener = await framework.listen(handle, rules());
    const seen: unknown[] = [];
    const { url } = await serveRaw(
      { name: "in front", listen: async () => listenInFront(listener, seen) },
      () => undefined,
      undefined,
    );
    expect((await ask(url)).status).toBe(504);
    await until(() => seen.length === 2);
    expect(seen).toEqual(["finish 504 true", "close"]);
    go();
    await ended;
    expect(await ask(url)).toMatchObject({ status: 201, replayed: true });
    expect(seen.filter((event) => String(event).includes("504"))).toHaveLength(1);
  });

  test.skipIf(!framework.hasHttp2)("over HTTP/2 a late response is the result of its key, too", async () => {
    const { go, ended, seen, handle } = lateHandler();
    const server = createHttp2Server((await framework.listen(handle, rules())) as never).listen(0, "127.0.0.1");
    onTestFinished(() => void server.close());
    await onceEvent(server, "listening");
    const session = connect(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
    onTestFinished(() => session.destroy());
    const ask2 = async () => {
      const stream = session
        .request({ ":method": "POST", ":path": "/", "idempotency-key": "late", "content-type": "application/json" })
        .end("{}");
      const [headers] = (await onceEvent(stream, "response")) as [Record<string, unknown>];
      const text = Buffer.concat((await Array.fromAsync(stream)) as Buffer[]).toString();
      return { status: headers[":status"], text, order: headers["x-order"] };
    };
    expect(await ask2()).toMatchObject({ status: 504, text: expect.stringContaining("ONCE_HANDLER_TIMEOUT") });
    expect(seen).toEqual([]);
    const repeat = ask2();
    go();
    await ended;
    expect(await repeat).toEqual({ status: 201, text: "made", order: "7" });
  });
});

function listenInFront(listener: RequestListener, seen: unknown[]): RequestListener {
  return (incoming, response) => {
    response.on("finish", () => seen.push(`finish ${response.statusCode} ${response.headersSent}`));
    response.on("close", () => seen.push("close"));
    listener(incoming, response);
  };
}
