import { once } from "node:events";
import { connect as connectHttp2, constants } from "node:http2";
import { buffer } from "node:stream/consumers";
import { setTimeout } from "node:timers/promises";
import { memoryStore } from "once-again/stores/memory";
import { expect, onTestFinished, test } from "vitest";
import { type Gateway, startGateway } from "../../packages/gateway/src/gateway.ts";
import { http2Shapes } from "../proof/fuzz/random-http2.ts";
import { startHttpServer } from "../support/http-server.ts";
import {
  frame,
  frameFlags,
  frameTypes,
  headerBlock,
  lastHeadersFrame,
  opening,
  preface,
  type ReadFrame,
  readFrames,
  requestBlock,
  requestFrame,
  tunnelFrame,
  uint32,
} from "../support/http2-frames.ts";
import { http2GatewayTo } from "./start-gateway.ts";
import { dial, statuses, talk } from "./talk.ts";

// Attacks by frames, and streams that end in every way.

const { endHeaders, endStream } = frameFlags;

/** Sends bytes over one connection, and collects the frames that come back. */
async function play(url: string, ...parts: Buffer[]) {
  const socket = await dial(url);
  let bytes: Buffer = Buffer.alloc(0);
  socket.on("data", (chunk: Buffer) => (bytes = Buffer.concat([bytes, chunk])));
  for (const part of parts) socket.write(part);
  onTestFinished(() => void socket.destroy());
  const frames = (type: keyof typeof frameTypes): ReadFrame[] =>
    readFrames(bytes).filter((one) => one.type === frameTypes[type]);
  return {
    socket,
    frames,
    closed: new Promise((resolve) => socket.once("close", resolve)),
    /** The codes by which a stream, or the whole connection, was ended. */
    resetOf: (stream: number) =>
      frames("reset")
        .find((one) => one.stream === stream)
        ?.payload.readUInt32BE(0),
    goaway: () => frames("goaway").at(-1)?.payload.readUInt32BE(4),
  };
}

/** A service that answers when it is let go, and notes what it was asked for. */
async function startSlow() {
  const seen: string[] = [];
  const released = Promise.withResolvers<void>();
  let left = 0;
  const url = await startHttpServer(async (request, response) => {
    seen.push(`${request.method} ${request.url}`);
    response.once("close", () => (left += response.writableFinished ? 0 : 1));
    request.on("error", () => undefined).resume();
    await released.promise;
    if (!response.destroyed) response.writeHead(201).end("done");
  });
  return { url, seen, release: released.resolve, left: () => left };
}

const isServing = async ({ url }: Gateway): Promise<boolean> => (await fetch(`${url}/-/health`)).ok;

const order = (stream: number, key: string): Buffer =>
  Buffer.concat([
    frame("headers", endHeaders, stream, requestBlock("POST", "/orders", [["idempotency-key", key]])),
    frame("data", endStream, stream, Buffer.from("{}")),
  ]);

test.for(Object.keys(http2Shapes))("%s: the gateway serves others, in both versions", async (name) => {
  const upstream = await startHttpServer((request, response) => {
    request.on("error", () => undefined).resume();
    response.end("fine");
  });
  const gateway = await http2GatewayTo(upstream);
  const bytes = http2Shapes[name]!();
  for (const leave of ["resetAndDestroy", "destroy", "end"] as const) {
    const { socket, frames } = await play(gateway.url, bytes);
    await Promise.race([setTimeout(30), once(socket, "close")]);
    socket[leave]();
    expect(frames("push")).toEqual([]);
  }
  expect(await isServing(gateway)).toBe(true);
  const { frames } = await play(gateway.url, opening(), requestFrame(1, "GET", "/-/health"));
  await expect.poll(() => frames("headers")).toHaveLength(1);
});

test("a caller that resets its stream has hung up: a keyed operation goes on, and what passes through ends", async () => {
  const service = await startSlow();
  const gateway = await http2GatewayTo(service.url);
  const caller = await play(gateway.url, opening(), order(1, "k-1"), requestFrame(3, "GET", "/slow"));
  await expect.poll(() => service.seen.toSorted()).toEqual(["GET /slow", "POST /orders"]);
  caller.socket.write(
    Buffer.concat([1, 3].map((stream) => frame("reset", 0, stream, uint32(constants.NGHTTP2_CANCEL)))),
  );
  await expect.poll(service.left).toBe(1);
  service.release();
  const again = await play(gateway.url, opening(), order(1, "k-1"));
  await expect.poll(() => again.frames("headers")).toHaveLength(1);
  // The first one's response, or the news that it is under way: never a second effect.
  expect(service.seen.filter((one) => one === "POST /orders")).toHaveLength(1);
  const repeat = async (): Promise<string> => {
    const { frames } = await play(gateway.url, opening(), order(1, "k-1"));
    await expect.poll(() => frames("data")).not.toEqual([]);
    return frames("data")
      .map(({ payload }) => String(payload))
      .join("");
  };
  await expect.poll(repeat).toBe("done");
  expect(service.seen.filter((one) => one === "POST /orders")).toHaveLength(1);
});

test("a request that nghttp2 can't read as one is reset, alone", async () => {
  const service = await startSlow();
  service.release();
  const gateway = await http2GatewayTo(service.url);
  const bad: Buffer[] = [
    requestFrame(1, "GET", "/", [["connection", "close"]]),
    requestFrame(3, "GET", "/", [["transfer-encoding", "chunked"]]),
    requestFrame(5, "GET", "/", [["X-Upper", "1"]]),
    requestFrame(7, "GET", "*"),
    lastHeadersFrame(
      9,
      headerBlock([
        [":method", "GET"],
        [":scheme", "http"],
        [":authority", "a"],
      ]),
    ),
    requestFrame(11, "GET", "/", [["te", "gzip"]]),
    requestFrame(13, "GET", "/ HTTP/1.1\r\nx-account: victim"),
  ];
  const caller = await play(gateway.url, opening(), ...bad, requestFrame(15, "GET", "/fine"));
  await expect.poll(() => caller.frames("headers").map(({ stream }) => stream)).toEqual([15]);
  for (let stream = 1; stream < 15; stream += 2)
    expect(caller.resetOf(stream), String(stream)).toBe(constants.NGHTTP2_PROTOCOL_ERROR);
  expect(service.seen).toEqual(["GET /fine"]);
});

test("a header with a line break is dropped, and makes no other header", async () => {
  const seen: string[] = [];
  const upstream = await startHttpServer(({ rawHeaders }, response) => {
    seen.push(...rawHeaders);
    response.end();
  });
  const { url } = await http2GatewayTo(upstream);
  const caller = await play(url, opening(), requestFrame(1, "GET", "/", [["x-broken", "a\r\nx-account: victim"]]));
  await expect.poll(() => caller.frames("headers")).toHaveLength(1);
  expect(seen.filter((text) => /broken|victim|x-account/.test(text))).toEqual([]);
});

test("a head larger than the bound is refused before SETTINGS are acknowledged, too", async () => {
  const seen: string[] = [];
  const url = await startHttpServer((request, response) => {
    seen.push(request.url!);
    response.end();
  });
  const gateway = await http2GatewayTo(url);
  const fields = Array.from({ length: 500 }, (_, at): [string, string] => [`x-${at}`, "v"]);
  const caller = await play(
    gateway.url,
    opening(),
    requestFrame(1, "GET", "/small"),
    requestFrame(3, "GET", "/large", fields),
    requestFrame(5, "GET", "/after"),
  );
  await expect.poll(() => new Set(caller.frames("headers").map(({ stream }) => stream)).size).toBe(3);
  const refused = caller.frames("headers").find(({ stream }) => stream === 3);
  // 431 as HPACK writes it: three digits, plain or by its Huffman code.
  expect(refused?.payload.toString("hex")).toMatch(/03343331|836990ff/);
  await expect.poll(() => seen.toSorted()).toEqual(["/after", "/small"]);
});

test("two hosts are refused, and one that is said twice is one", async () => {
  const hosts: (string | undefined)[] = [];
  const upstream = await startHttpServer(({ headers: { host } }, response) => {
    hosts.push(host);
    response.end();
  });
  const { url } = await http2GatewayTo(upstream);
  const caller = await play(
    url,
    opening(),
    requestFrame(1, "GET", "/", [["host", "evil"]]),
    requestFrame(3, "GET", "/", [["host", "a"]]),
  );
  await expect.poll(() => caller.frames("headers")).toHaveLength(2);
  const problem = caller.frames("data").find(({ stream, payload }) => stream === 1 && payload.length > 0);
  expect(String(problem?.payload)).toContain("A request has one Host header.");
  expect(hosts).toEqual(["a"]);
});

test("cookies in pieces are one header to the service", async () => {
  const cookies: (string | undefined)[] = [];
  const upstream = await startHttpServer(({ headers: { cookie } }, response) => {
    cookies.push(cookie);
    response.end();
  });
  const { url } = await http2GatewayTo(upstream);
  const caller = await play(
    url,
    opening(),
    requestFrame(1, "GET", "/", [
      ["cookie", "a=1"],
      ["x", "1"],
      ["cookie", "b=2"],
    ]),
  );
  await expect.poll(() => caller.frames("headers")).toHaveLength(1);
  expect(cookies).toEqual(["a=1; b=2"]);
});

test("a tunnel is refused", async () => {
  const service = await startSlow();
  const { url } = await http2GatewayTo(service.url);
  const caller = await play(url, opening(), tunnelFrame(1, "a:443"));
  await expect.poll(() => caller.frames("headers")).toHaveLength(1);
  expect(service.seen).toEqual([]);
});

test("more streams than 100 are refused, and their requests do not reach the service", async () => {
  const service = await startSlow();
  // All of these are of one address, which has a share of the places at the service.
  const { url } = await http2GatewayTo(service.url, { limits: { connectionsMax: 1000 } });
  const streams = Array.from({ length: 150 }, (_, at) => requestFrame(2 * at + 1, "GET", `/${at}`));
  const caller = await play(url, opening(), ...streams);
  await expect.poll(() => caller.frames("reset")).toHaveLength(50);
  expect(new Set(caller.frames("reset").map(({ payload }) => payload.readUInt32BE(0)))).toEqual(
    new Set([constants.NGHTTP2_REFUSED_STREAM]),
  );
  await expect.poll(() => service.seen.length).toBe(100);
});

test.for<[what: keyof typeof http2Shapes, code: number]>([
  ["rapid reset", constants.NGHTTP2_INTERNAL_ERROR],
  ["CONTINUATION without end", constants.NGHTTP2_INTERNAL_ERROR],
  ["PING", constants.NGHTTP2_INTERNAL_ERROR],
  ["SETTINGS", constants.NGHTTP2_INTERNAL_ERROR],
  ["DATA of nothing", constants.NGHTTP2_INTERNAL_ERROR],
  ["DATA of one byte, in many streams", constants.NGHTTP2_ENHANCE_YOUR_CALM],
])("%s ends the connection", async ([name, code]) => {
  const service = await startSlow();
  const gateway = await http2GatewayTo(service.url);
  const caller = await play(gateway.url, http2Shapes[name]!());
  await caller.closed;
  // A caller that still writes may lose it with the connection.
  expect([code, undefined]).toContain(caller.goaway());
  expect(await isServing(gateway)).toBe(true);
});

test("a caller that resets at once does not run more than its burst at the service", async () => {
  const service = await startSlow();
  const gateway = await http2GatewayTo(service.url);
  const caller = await play(gateway.url, http2Shapes["rapid reset"]!());
  await caller.closed;
  expect(service.seen.length).toBeLessThanOrEqual(600);
  expect(await isServing(gateway)).toBe(true);
});

test("a caller that gives no window loses its streams when it is silent, and its connection when it has none", async () => {
  const upstream = await startHttpServer((_request, response) => response.end("x".repeat(1000)));
  const gateway = await http2GatewayTo(upstream, { limits: { idleMs: 100, headMs: 2000 } });
  const caller = await play(gateway.url, opening([4, 0]), requestFrame(1, "GET", "/"));
  await expect.poll(() => caller.resetOf(1)).toBe(constants.NGHTTP2_CANCEL);
  await caller.closed;
  expect(caller.goaway()).toBe(constants.NGHTTP2_NO_ERROR);
});

test.for<[what: string, bytes: Buffer]>([
  ["sends nothing behind the preface", preface],
  ["begins a head", Buffer.concat([opening(), frame("headers", 0, 1, requestBlock("GET", "/"))])],
])("a connection that %s is closed when its time is over", async ([, bytes]) => {
  const gateway = await http2GatewayTo("http://127.0.0.1:1", { limits: { headMs: 50 } });
  const caller = await play(gateway.url, bytes);
  await caller.closed;
});

test("half a preface gets 408 when its time is over, and a preface in pieces is one", async () => {
  const gateway = await http2GatewayTo("http://127.0.0.1:1", { limits: { headMs: 100 } });
  expect(statuses(await talk(gateway.url, "PRI * HTTP/2.0"))).toEqual(["408"]);
  expect(statuses(await talk(gateway.url, ""))).toEqual(["408"]);
  const patient = await http2GatewayTo("http://127.0.0.1:1");
  const bytes = Buffer.concat([opening(), requestFrame(1, "GET", "/-/health")]);
  const caller = await play(patient.url);
  for (const byte of bytes) {
    caller.socket.write(Buffer.from([byte]));
    await setTimeout(0);
  }
  await expect.poll(() => caller.frames("headers")).toHaveLength(1);
});

test("HTTP/1.1 goes on at the same port, whole or byte for byte", async () => {
  const upstream = await startHttpServer(async (request, response) => response.end(await buffer(request)));
  const { url } = await http2GatewayTo(upstream);
  const socket = await dial(url);
  for (const byte of "PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nConnection: close\r\n\r\nhi") {
    socket.write(byte);
    await setTimeout(0);
  }
  expect(String(await buffer(socket))).toMatch(/^HTTP\/1\.1 200 [^]*\r\n\r\nhi$/);
  expect(statuses(await talk(url, "PRI / HTTP/1.1\r\nHost: a\r\n\r\n"))).toEqual(["400"]);
});

test("frames of one byte to a service that reads nothing take little memory", async () => {
  const released = Promise.withResolvers<void>();
  const upstream = await startHttpServer(async (_request, response) => {
    await released.promise;
    response.end();
  });
  const gateway = await http2GatewayTo(upstream);
  const before = process.memoryUsage().rss;
  const crumbs = Buffer.concat(Array.from({ length: 50_000 }, () => frame("data", 0, 1, Buffer.from("x"))));
  const begun = frame("headers", endHeaders, 1, requestBlock("PUT", "/"));
  const callers = await Promise.all(Array.from({ length: 4 }, () => play(gateway.url, opening(), begun, crumbs)));
  await setTimeout(500);
  expect((process.memoryUsage().rss - before) / 1_048_576).toBeLessThan(64);
  for (const { socket } of callers) socket.destroy();
  released.resolve();
  expect(await isServing(gateway)).toBe(true);
});

test("a shutdown says so by GOAWAY, answers what is under way, and takes nothing new", async () => {
  const service = await startSlow();
  const gateway = await http2GatewayTo(service.url);
  const idle = await play(gateway.url, opening());
  const caller = await play(gateway.url, opening(), order(1, "k-1"));
  await expect.poll(() => service.seen).toEqual(["POST /orders"]);
  const closed = gateway.close();
  await idle.closed;
  await expect.poll(caller.goaway).toBe(constants.NGHTTP2_NO_ERROR);
  caller.socket.write(order(3, "k-2"));
  service.release();
  await closed;
  expect(caller.frames("data").map(({ stream, payload }) => `${stream} ${String(payload)}`)).toContain("1 done");
  expect(service.seen).toEqual(["POST /orders"]);
});

test("a shutdown that takes too long cuts off what is under way", async () => {
  const service = await startSlow();
  const gateway = await http2GatewayTo(service.url);
  const caller = await play(gateway.url, opening(), requestFrame(1, "GET", "/slow"));
  await expect.poll(() => service.seen).toEqual(["GET /slow"]);
  await gateway.close(50);
  await caller.closed;
});

test("a new configuration serves the streams of open connections", async () => {
  const [one, other] = [
    await startHttpServer((_request, response) => response.end("one")),
    await startHttpServer((_request, response) => response.end("other")),
  ];
  const options = { store: memoryStore(), routes: [], scope: async () => ({ scope: "all" }) };
  await using gateway = await startGateway({ ...options, upstream: new URL(one) }, { http2: true });
  const session = connectHttp2(gateway.url);
  onTestFinished(() => session.destroy());
  const ask = async (): Promise<string> => String(await buffer(session.request({ ":path": "/" })));
  expect(await ask()).toBe("one");
  gateway.reload({ ...options, upstream: new URL(other) });
  expect(await ask()).toBe("other");
  session.destroy();
});

test("without the option the preface is refused as it was", async () => {
  await using gateway = await startGateway({
    ...{ upstream: new URL("http://127.0.0.1:1"), store: memoryStore(), routes: [] },
    scope: async () => ({ scope: "all" }),
  });
  expect(statuses(await talk(gateway.url, opening().toString("latin1")))).toEqual(["400"]);
});
