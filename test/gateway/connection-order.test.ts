import { once } from "node:events";
import { setTimeout } from "node:timers/promises";
import { expect, test } from "vitest";
import { pipelinedMax } from "../../packages/gateway/src/caller-connection.ts";
import { startHttpServer } from "../support/http-server.ts";
import { gatewayTo, keyedRoute } from "./start-gateway.ts";
import { dial, statuses, talk } from "./talk.ts";

const get = (path: string, ...lines: string[]): string =>
  [`GET ${path} HTTP/1.1`, "Host: a", ...lines, "", ""].join("\r\n");
const post = (path: string, key: string, ...lines: string[]): string =>
  [`POST ${path} HTTP/1.1`, "Host: a", `Idempotency-Key: ${key}`, "Content-Length: 2", ...lines, "", "{}"].join("\r\n");
const last = get("/last", "Connection: close");

/** Requests that the service was asked for, in their order; `/slow` waits until it is released. */
async function startService() {
  const asked: string[] = [];
  const released = Promise.withResolvers<void>();
  const slow = Promise.withResolvers<void>();
  const url = await startHttpServer(async (request, response) => {
    asked.push(request.url ?? "");
    request.resume();
    if (request.url === "/slow") {
      slow.resolve();
      await released.promise;
    }
    response.writeHead(request.method === "POST" ? 201 : 200).end(request.url);
  });
  return { url, asked, isSlow: slow.promise, release: released.resolve };
}

test("requests of one connection reach the service one after another, and are answered in their order", async () => {
  const { url, asked, isSlow, release } = await startService();
  const gateway = await gatewayTo(url);
  const heard = talk(gateway.url, get("/slow"), get("/second"), last);
  await isSlow;
  expect(asked).toEqual(["/slow"]);
  release();
  expect(statuses(await heard)).toEqual(["200", "200", "200"]);
  expect(asked).toEqual(["/slow", "/second", "/last"]);
});

test("more requests than may wait for their responses close the connection, and were not forwarded", async () => {
  const { url, asked, isSlow, release } = await startService();
  const gateway = await gatewayTo(url);
  const socket = await dial(gateway.url);
  const closed = once(socket, "close");
  socket.write(get("/slow"));
  await isSlow;
  socket.write(get("/behind").repeat(pipelinedMax));
  await closed;
  expect(asked).toEqual(["/slow"]);
  release();
});

test("as many requests as may wait are all answered", async () => {
  const { url, release } = await startService();
  const gateway = await gatewayTo(url);
  release();
  expect(statuses(await talk(gateway.url, get("/").repeat(pipelinedMax - 1) + last))).toHaveLength(pipelinedMax);
});

test.for<[what: string, bytes: string]>([
  ["garbage", "garbage\r\n\r\n"],
  ["a request without Host", "GET / HTTP/1.1\r\n\r\n"],
  ["an unknown expectation", get("/", "Expect: zz")],
  ["a header that is too long", `GET / HTTP/1.1\r\nX: ${"x".repeat(20_000)}\r\n\r\n`],
  ["an upgrade", get("/ws", "Connection: upgrade", "Upgrade: x")],
  ["a keyed upgrade", post("/ws", "k-2", "Connection: upgrade", "Upgrade: x")],
  ["an offer of HTTP/2", get("/", "Connection: upgrade, http2-settings", "Upgrade: h2c")],
  ["a chunk that can't be read", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"],
])("%s behind an operation does not take the place of its response", async ([, behind]) => {
  const { url, isSlow, release } = await startService();
  const gateway = await gatewayTo(url, { routes: [{ ...keyedRoute, keyed: "optional" }] });
  const heard = talk(gateway.url, post("/slow", "k-1"), behind);
  await isSlow;
  release();
  expect(await heard).toMatch(/^HTTP\/1\.1 201 Created\r\n/);
});

test("a head that comes too late behind an operation does not take the place of its response", async () => {
  for (let headMs = 1000; ; headMs *= 4) {
    const { url, isSlow, release } = await startService();
    const gateway = await gatewayTo(url, { routes: [keyedRoute], limits: { headMs } });
    const heard = talk(gateway.url, post("/slow", "k-1"), "GET / HTTP/1.1\r\nHost:");
    const isAsked = await Promise.race([isSlow.then(() => true), heard.then(() => false)]);
    if (isAsked) {
      // Long enough for the late head to be noticed.
      await setTimeout(2 * headMs);
      release();
    }
    const answers = statuses(await heard);
    // A slow machine was late with the first head, too: it is given more time.
    if (!isAsked && answers.join() === "408") continue;
    return expect(answers).toEqual(["201"]);
  }
});

test("a declined upgrade closes its connection, since what came in one packet behind it is lost", async () => {
  const { url } = await startService();
  const gateway = await gatewayTo(url);
  const heard = await talk(gateway.url, get("/first", "Connection: upgrade", "Upgrade: h2c") + get("/second"));
  expect(statuses(heard)).toEqual(["200"]);
  expect(heard).toMatch(/\r\nConnection: close\r\n/i);
});

test("a request that is refused ends its connection, and what follows is not forwarded", async () => {
  const { url, asked } = await startService();
  const gateway = await gatewayTo(url);
  expect(statuses(await talk(gateway.url, "GET / HTTP/1.1\r\n\r\n", get("/behind")))).toEqual(["400"]);
  expect(asked).toEqual([]);
});

test("a caller who leaves is not served what it sent behind", async () => {
  const { url, asked, isSlow, release } = await startService();
  const gateway = await gatewayTo(url);
  const socket = await dial(gateway.url);
  socket.write(get("/slow") + get("/behind"));
  await isSlow;
  socket.resetAndDestroy();
  await once(socket, "close");
  release();
  await gateway.close();
  expect(asked).toEqual(["/slow"]);
});

test.for([
  ["GET http://[bad/", "400"],
  ["GET http://[", "400"],
  ["GET http://", "400"],
  ["POST http://a@evil/o", "400"],
  ["GET ftp://x", "400"],
  ["GET http://shop.example:8080/o", "200"],
  ["GET http://[::1]:80?q", "200"],
])("the target of %s is answered with %s", async ([start, status]) => {
  const { url } = await startService();
  const gateway = await gatewayTo(url);
  expect(statuses(await talk(gateway.url, `${start} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`))).toEqual([
    status,
  ]);
});

test.for([
  ["a b", "400"],
  ['a"b', "400"],
  ["a@b", "400"],
  ["[", "400"],
  ["\u00e9", "400"],
  ["", "200"],
  ["a_b:80", "200"],
  ["[::1]:80", "200"],
])("Host: %s is answered with %s", async ([host, status]) => {
  const { url } = await startService();
  const gateway = await gatewayTo(url);
  expect(statuses(await talk(gateway.url, `GET / HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`))).toEqual([
    status,
  ]);
});

test("a request of HTTP/0.9 is refused, and not forwarded", async () => {
  const { url, asked } = await startService();
  const gateway = await gatewayTo(url);
  expect(statuses(await talk(gateway.url, "GET /o\r\n\r\n"))).toEqual(["505"]);
  expect(asked).toEqual([]);
});

test("an error in serving one request ends that request alone", async () => {
  const { url } = await startService();
  const errors: unknown[] = [];
  const gateway = await gatewayTo(url, {
    onRequest() {
      throw new Error("The log is full.");
    },
    onError: (error) => errors.push(error),
    tracing: {
      traceUpstream: (upstream) => upstream,
      serve(request, _response, _notes, forward) {
        if (request.url === "/broken") throw new Error("The tracer broke.");
        forward();
      },
    },
  });
  expect((await fetch(`${gateway.url}/broken`)).status).toBe(502);
  expect(await (await fetch(`${gateway.url}/fine`)).text()).toBe("/fine");
  await expect.poll(() => errors.map(String)).toContain("Error: The log is full.");
  expect(errors.map(String)).toContain("Error: The tracer broke.");
});
