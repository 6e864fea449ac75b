import { once } from "node:events";
import { createServer as createTcpServer, type AddressInfo, type Socket } from "node:net";
import { connect as connectByTls } from "node:tls";
import { text } from "node:stream/consumers";
import { expect, onTestFinished, test } from "vitest";
import { checkLimits } from "../../packages/gateway/src/gateway-limits.ts";
import { startGateway } from "../../packages/gateway/src/gateway.ts";
import { openUpstream } from "../../packages/gateway/src/upstream.ts";
import { memoryStore } from "once-again/stores/memory";
import { describeWithCertificates } from "../support/describe-with-certificates.ts";
import { startHttpServer } from "../support/http-server.ts";
import { gatewayTo, keyedRoute } from "./start-gateway.ts";
import { dial, statuses, talk } from "./talk.ts";
import { oneRetryAfter } from "../support/retry-after.ts";

/** A service that says what one is to say, byte for byte, to each request. */
async function startRawService(response: string, asked: (socket: Socket, heard: string) => void = () => undefined) {
  const server = createTcpServer((socket) => {
    socket.on("error", () => undefined);
    socket.once("data", (chunk) => {
      asked(socket, String(chunk));
      socket.write(response, "latin1");
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => void server.close());
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const request = (start: string, lines: readonly string[] = [], body = ""): string =>
  [`${start} HTTP/1.1`, "Host: a", "Connection: close", ...lines, "", body].join("\r\n");

test.for<[what: string, begun: string]>([
  ["sends nothing", ""],
  ["begins a head", "GET / HTTP/1.1\r\nHost: a\r\n"],
])("a connection that %s is closed when its time is over", async ([, begun]) => {
  const gateway = await gatewayTo("http://127.0.0.1:1", { limits: { headMs: 20 } });
  expect(statuses(await talk(gateway.url, begun))).toEqual(["408"]);
});

test("a connection beyond callersMax is closed, and one that leaves makes room", async () => {
  const url = await startHttpServer((_request, response) => response.end("fine"));
  const gateway = await gatewayTo(url, { limits: { callersMax: 1 } });
  const first = await dial(gateway.url);
  first.write("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  await once(first, "data");
  expect(await talk(gateway.url, request("GET /"))).toBe("");
  first.destroy();
  await expect.poll(async () => statuses(await talk(gateway.url, request("GET /")))).toEqual(["200"]);
});

test("keyed bodies that would take more than bodiesBytesMax are refused, and have room again when others end", async () => {
  const running = Promise.withResolvers<void>();
  const released = Promise.withResolvers<void>();
  let effects = 0;
  const url = await startHttpServer(async (incoming, response) => {
    await text(incoming);
    effects += 1;
    running.resolve();
    await released.promise;
    response.writeHead(201).end("done");
  });
  const gateway = await gatewayTo(url, { routes: [keyedRoute], limits: { bodyBytesMax: 1000, bodiesBytesMax: 1500 } });
  const post = (key: string): Promise<Response> =>
    fetch(gateway.url, { method: "POST", body: "x".repeat(1000), headers: { "idempotency-key": key } });
  const first = post("k-1");
  await running.promise;
  const second = await post("k-2");
  expect([second.status, second.headers.get("retry-after"), await second.json()]).toMatchObject([
    503,
    oneRetryAfter,
    { code: "ONCE_NO_EFFECT" },
  ]);
  expect(effects).toBe(1);
  released.resolve();
  expect((await first).status).toBe(201);
  await expect.poll(async () => (await post("k-2")).status).toBe(201);
});

test("a caller who reads nothing of a stored response is cut off", async () => {
  const url = await startHttpServer((_request, response) => response.writeHead(201).end("x".repeat(8_000_000)));
  const cut = Promise.withResolvers<number>();
  const shared = { store: memoryStore(), routes: [keyedRoute] };
  const first = await gatewayTo(url, { ...shared, limits: { resultBytesMax: 16_000_000 } });
  const replaying = await gatewayTo(url, {
    ...shared,
    limits: { resultBytesMax: 16_000_000, idleMs: 50 },
    onRequest: ({ bytes }) => cut.resolve(bytes),
  });
  const keyed = request("POST /", ["Idempotency-Key: k-1", "Content-Length: 0"]);
  expect((await talk(first.url, keyed)).length).toBeGreaterThan(8_000_000);
  const socket = await dial(replaying.url);
  socket.pause();
  socket.write(keyed);
  await cut.promise;
  expect((await text(socket).catch(() => "")).length).toBeLessThan(8_000_000);
});

test.for<[what: string, response: string]>([
  ["101 that nothing asked for", "HTTP/1.1 101 Fine\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n"],
  ["garbage", "garbage\r\n\r\n"],
])("%s is answered with 502, also to an expectation", async ([, response]) => {
  const url = await startRawService(response);
  const gateway = await gatewayTo(url);
  expect(statuses(await talk(gateway.url, request("GET /")))).toEqual(["502"]);
  const expecting = request("POST /", ["Expect: 100-continue", "Content-Length: 2"], "hi");
  expect(statuses(await talk(gateway.url, expecting))).toEqual(["502"]);
});

test.for<[what: string, response: string]>([
  [
    "trailers that can't be sent",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: q\r\n\r\n1\r\na\r\n0\r\nq: \u0001\r\n\r\n",
  ],
  ["a Trailer header with a length", "HTTP/1.1 200 OK\r\nTrailer: q\r\nContent-Length: 1\r\n\r\na"],
  ["a reason of control characters", "HTTP/1.1 200 a\u0001\u00e9\r\nContent-Length: 1\r\n\r\na"],
  ["a status that does not exist", "HTTP/1.1 999 Odd\r\nContent-Length: 0\r\n\r\n"],
  ["half a head", "HTTP/1.1 200 OK\r\nConte"],
  ["a length that is not true", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\na"],
])("a service that sends %s harms no other request", async ([, response]) => {
  const url = await startRawService(response, (socket) => setTimeout(() => socket.end(), 20));
  const gateway = await gatewayTo(url);
  for (const expecting of [
    [],
    ["Expect: 100-continue", "Content-Length: 0"],
    ["Trailer: q", "Transfer-Encoding: chunked"],
  ]) {
    await talk(gateway.url, request("POST /", expecting, expecting[1]?.startsWith("T") ? "0\r\n\r\n" : ""));
  }
  expect((await fetch(`${gateway.url}/-/health`)).status).toBe(200);
});

test("a 204 has no length, whatever the service says", async () => {
  const url = await startRawService("HTTP/1.1 204 No Content\r\nContent-Length: 5\r\nX-Own: x\r\n\r\n");
  const gateway = await gatewayTo(url);
  const heard = await talk(gateway.url, request("GET /"));
  expect(heard).toMatch(/^HTTP\/1\.1 204 [^]*X-Own: x\r\n/);
  expect(heard).not.toMatch(/content-length/i);
});

test("trailers that count only in a head are not passed on, in either direction", async () => {
  let heard = "";
  const trailers = [
    "x-sum: 1",
    "x-forwarded-for: 6.6.6.6",
    "X_Forwarded_Host: evil",
    "authorization: b",
    "host: evil",
    "idempotency_key: e",
  ];
  const ofCaller = ["X-Account: victim", "x_account: victim"];
  const url = await startRawService(
    ["HTTP/1.1 200 OK", "Transfer-Encoding: chunked", "", "1", "a", "0", ...trailers, "set-cookie: a=1", "", ""].join(
      "\r\n",
    ),
    (socket, chunk) => {
      heard = chunk;
      socket.on("data", (more) => (heard += String(more)));
    },
  );
  const gateway = await gatewayTo(url, { callerHeaders: ["x-account"] });
  const chunked = ["Trailer: x-sum", "Transfer-Encoding: chunked"];
  const answer = await talk(
    gateway.url,
    request("POST /", chunked, ["2", "hi", "0", ...trailers, ...ofCaller, "", ""].join("\r\n")),
  );
  expect(answer).toMatch(/\r\n0\r\nx-sum: 1\r\n\r\n$/);
  await expect.poll(() => heard).toMatch(/\r\n0\r\nx-sum: 1\r\n\r\n$/);
});

test("an announcement of trailers goes with a body that can have them only", async () => {
  let names: string[] = [];
  const url = await startHttpServer((incoming, response) => {
    names = incoming.rawHeaders.map((name) => name.toLowerCase());
    response.end();
  });
  const gateway = await gatewayTo(url, { routes: [{ ...keyedRoute, path: "/keyed" }] });
  const withLength = ["Trailer: q", "Content-Length: 2", "Idempotency-Key: k-1"];
  for (const [start, lines, body] of [
    ["GET /", ["Trailer: q"], ""],
    ["PUT /", withLength, "hi"],
    ["POST /keyed", withLength, "hi"],
  ] as const) {
    expect(statuses(await talk(gateway.url, request(start, lines, body)))).toEqual(["200"]);
    expect(names).not.toContain("trailer");
  }
  await talk(gateway.url, request("PUT /", ["Trailer: q", "Transfer-Encoding: chunked"], "0\r\n\r\n"));
  expect(names).toContain("trailer");
});

test("a body in chunks of one byte arrives whole, keyed or passed through", async () => {
  const url = await startHttpServer(async (incoming, response) => response.writeHead(201).end(await text(incoming)));
  const gateway = await gatewayTo(url, { routes: [{ ...keyedRoute, path: "/keyed" }] });
  const body = Array.from({ length: 3000 }, (_, at) => String(at % 10)).join("");
  const crumbs = [...body].map((byte) => `1\r\n${byte}\r\n`).join("");
  for (const path of ["/", "/keyed"]) {
    const lines = ["Transfer-Encoding: chunked", "Idempotency-Key: k-1"];
    const heard = await talk(gateway.url, request(`POST ${path}`, lines, `${crumbs}0\r\n\r\n`));
    expect(statuses(heard)).toEqual(["201"]);
    expect(heard).toContain(body);
  }
});

describeWithCertificates("over TLS", (certificates) => {
  test("a request with a body or a key that asks for an upgrade is served", async () => {
    const url = await startHttpServer(async (incoming, response) => response.writeHead(201).end(await text(incoming)));
    await using gateway = await startGateway(
      { upstream: new URL(url), store: memoryStore(), routes: [keyedRoute], scope: async () => ({ scope: "all" }) },
      { tls: certificates().good },
    );
    for (const protocol of ["h2c", "x"]) {
      const socket = connectByTls({ port: Number(new URL(gateway.url).port), rejectUnauthorized: false });
      const lines = [
        "Connection: Upgrade",
        `Upgrade: ${protocol}`,
        `Idempotency-Key: ${protocol}`,
        "Content-Length: 2",
      ];
      socket.write(["POST / HTTP/1.1", "Host: a", ...lines, "", "hi"].join("\r\n"));
      expect(await text(socket)).toMatch(/^HTTP\/1\.1 201 [^]*\r\n\r\nhi$/);
    }
  });

  test("a connection that never begins its handshake is closed when its time is over", async () => {
    await using gateway = await startGateway(
      {
        ...{ upstream: new URL("http://127.0.0.1:1"), store: memoryStore(), routes: [] },
        ...{ scope: async () => ({ scope: "all" }), limits: { headMs: 20 } },
      },
      { tls: certificates().good },
    );
    expect(await talk(gateway.url)).toBe("");
  });
});

test("a request that undici refuses takes none of the connections to the service away", async () => {
  const url = await startHttpServer((incoming, response) => response.end(incoming.url));
  const upstream = openUpstream(new URL(url), checkLimits({ connectionsMax: 1 }));
  onTestFinished(() => upstream.close());
  const ask = (target: string): Promise<string> =>
    new Promise((resolve) => {
      upstream.dispatch(
        { method: "POST", target, headers: [], body: null },
        {
          onRequestStart: () => undefined,
          onResponseStart: () => undefined,
          onResponseData: () => undefined,
          onResponseEnd: () => resolve("whole"),
          onResponseError: (_controller, error) => resolve((error as NodeJS.ErrnoException).code ?? error.message),
        },
      );
    });
  expect([await ask("no path"), await ask("no path"), await ask("/path")]).toEqual([
    "UND_ERR_INVALID_ARG",
    "UND_ERR_INVALID_ARG",
    "whole",
  ]);
});

test('only OPTIONS has the target "*"', async () => {
  const url = await startHttpServer((incoming, response) => response.end(incoming.url));
  const gateway = await gatewayTo(url, { routes: [keyedRoute], limits: { connectionsMax: 1 } });
  const ask = async (start: string) => statuses(await talk(gateway.url, request(start, ["Idempotency-Key: k"])));
  expect([await ask("POST *"), await ask("GET *"), await ask("OPTIONS *"), await ask("POST /")]).toEqual([
    ["400"],
    ["400"],
    ["200"],
    ["200"],
  ]);
});
