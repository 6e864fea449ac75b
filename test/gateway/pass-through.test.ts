import { once } from "node:events";
import { createServer, type IncomingMessage, request, type RequestOptions } from "node:http";
import { connect, type Socket } from "node:net";
import { text } from "node:stream/consumers";
import { expect, onTestFinished, test } from "vitest";
import { startHttpServer } from "../support/http-server.ts";
import { gatewayTo } from "./start-gateway.ts";
import { oneRetryAfter } from "../support/retry-after.ts";

/** Sends a request, and waits for the head of its answer. */
async function send(url: string, options: RequestOptions = {}, body?: string): Promise<IncomingMessage> {
  const sent = request(url, { agent: false, ...options }).end(body);
  const [answer] = (await once(sent, "response")) as [IncomingMessage];
  return answer;
}

const closed = "http://127.0.0.1:1";

const passThroughTo = async (upstream: string): Promise<string> => (await gatewayTo(upstream)).url;

test("a request and its answer pass with their headers, repeated ones too, but for those of the connection", async () => {
  let seen: IncomingMessage | undefined;
  const url = await passThroughTo(
    await startHttpServer(async (request, response) => {
      seen = request;
      const body = await text(request);
      response.writeHead(201, "Made", ["Set-Cookie", "a=1", "Set-Cookie", "b=2", "X-Own", "x", "Connection", "X-Own"]);
      response.end(`got ${body}`);
    }),
  );

  const answer = await send(
    `${url}/orders?a=%20b`,
    {
      method: "PUT",
      headers: ["Host", "shop.example", "X-One", "1", "x-one", "2", "Connection", "x-secret", "X-Secret", "s"],
    },
    "tea",
  );

  expect([answer.statusCode, answer.statusMessage, await text(answer)]).toEqual([201, "Made", "got tea"]);
  expect(answer.headers["set-cookie"]).toEqual(["a=1", "b=2"]);
  expect(answer.headers["x-own"]).toBeUndefined();
  expect([seen?.method, seen?.url]).toEqual(["PUT", "/orders?a=%20b"]);
  expect(seen?.headers).toMatchObject({ host: "shop.example", "x-one": "1, 2" });
  expect(seen?.headers["x-secret"]).toBeUndefined();
});

test("what a caller says of its way is not believed", async () => {
  let headers: IncomingMessage["headers"] = {};
  const upstream = await startHttpServer((request, response) => {
    ({ headers } = request);
    response.end();
  });
  await send(await passThroughTo(upstream), {
    headers: {
      host: "shop.example",
      "x-forwarded-for": "1.2.3.4",
      forwarded: "for=1.2.3.4",
      via: "1.0 old",
      "idempotent-replayed": "true",
    },
  });

  expect(headers).toMatchObject({
    "x-forwarded-for": "127.0.0.1",
    "x-forwarded-host": "shop.example",
    "x-forwarded-proto": "http",
    forwarded: 'for=127.0.0.1;host="shop.example";proto=http',
    via: "1.0 old, 1.1 once-again",
  });
  expect(headers["idempotent-replayed"]).toBeUndefined();
});

test("what the upstream writes is there at once, its head too", async () => {
  const parts = Promise.withResolvers<void>();
  const url = await passThroughTo(
    await startHttpServer(async (_request, response) => {
      response.writeHead(200, { "content-type": "text/event-stream" }).flushHeaders();
      await parts.promise;
      response.write("data: 1\n\n");
    }),
  );
  const answer = await send(url);
  expect(answer.headers["content-type"]).toBe("text/event-stream");
  parts.resolve();
  const [chunk] = (await once(answer, "data")) as [Buffer];
  expect(String(chunk)).toBe("data: 1\n\n");
  answer.destroy();
});

test("a caller who leaves is seen by the upstream", async () => {
  const left = Promise.withResolvers<void>();
  const url = await passThroughTo(
    await startHttpServer((_request, response) => {
      response.once("close", () => left.resolve());
      response.write("first");
    }),
  );
  const answer = await send(url);
  answer.destroy();
  await left.promise;
});

test("trailers pass in both directions", async () => {
  const url = await passThroughTo(
    await startHttpServer(async (request, response) => {
      await text(request);
      response.writeHead(200, { trailer: "x-sum" }).write(JSON.stringify(request.trailers));
      response.addTrailers({ "X-Sum": "7" });
      response.end();
    }),
  );
  const sent = request(url, { method: "POST", agent: false, headers: { trailer: "x-check", te: "trailers" } });
  sent.write("tea");
  sent.addTrailers({ "X-Check": "3" });
  sent.end();
  const [answer] = (await once(sent, "response")) as [IncomingMessage];
  expect(await text(answer)).toBe('{"x-check":"3"}');
  expect(answer.rawTrailers).toEqual(["X-Sum", "7"]);
});

test("interim answers pass, and a body that waits for 100 waits for the upstream's", async () => {
  const url = await passThroughTo(
    await startHttpServer(async (request, response) => {
      response.writeEarlyHints({ link: "</a.css>; rel=preload", "x-hint": "1" });
      response.end(await text(request));
    }),
  );
  const plain = request(url, { agent: false }).end();
  const [early] = (await once(plain, "information")) as [{ statusCode: number; headers: object }];
  expect(early).toMatchObject({ statusCode: 103, headers: { link: "</a.css>; rel=preload", "x-hint": "1" } });

  const waiting = request(url, { method: "POST", agent: false, headers: { expect: "100-continue" } });
  waiting.flushHeaders();
  await once(waiting, "continue");
  waiting.end("tea");
  const [answer] = (await once(waiting, "response")) as [IncomingMessage];
  expect(await text(answer)).toBe("tea");
});

test("a connection becomes another protocol's where the upstream agrees", async () => {
  const server = createServer((_request, response) => response.end("refused"));
  server.on("upgrade", (request: IncomingMessage, socket: Socket, head: Buffer) => {
    expect(request.headers).toMatchObject({ connection: "upgrade", upgrade: "echo" });
    socket.write("HTTP/1.1 101 Fine\r\nConnection: Upgrade\r\nUpgrade: echo\r\nX-Echo: yes\r\n\r\n");
    socket.write(head);
    socket.pipe(socket);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const url = new URL(await passThroughTo(`http://127.0.0.1:${(server.address() as { port: number }).port}`));

  const socket = connect(Number(url.port), url.hostname);
  socket.write("GET /echo HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\nfirst,");
  socket.write("second");
  let heard = "";
  for await (const chunk of socket) {
    heard += String(chunk);
    if (heard.endsWith("first,second")) break;
  }
  expect(heard).toMatch(
    /^HTTP\/1\.1 101 Fine\r\nX-Echo: yes\r\nconnection: upgrade\r\nupgrade: echo\r\n\r\nfirst,second$/,
  );
});

test("an upgrade that the upstream refuses is answered as the upstream answers it", async () => {
  const url = new URL(
    await passThroughTo(
      await startHttpServer((request, response) => response.end(`plain ${String(request.headers.upgrade)}`)),
    ),
  );
  const socket = connect(Number(url.port), url.hostname);
  socket.write("GET /echo HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n");
  expect(await text(socket)).toMatch(/^HTTP\/1\.1 200 OK\r\n[^]*plain echo/);
});

test("an upstream that can't be reached was asked for nothing: 503", async () => {
  const answer = await send(await passThroughTo(closed), { method: "POST" }, "tea");
  expect([answer.statusCode, answer.headers["retry-after"]]).toEqual([503, oneRetryAfter]);
  expect(JSON.parse(await text(answer))).toMatchObject({ status: 503, title: "Service Unavailable" });
});

test("a 304 that says the length of what it stands for is whole, and its connection goes on", async () => {
  const url = await passThroughTo(
    await startHttpServer((_request, response) => response.writeHead(304, { "content-length": "5" }).end()),
  );
  const socket = connect(Number(new URL(url).port), "127.0.0.1");
  socket.write("GET /a HTTP/1.1\r\nHost: a\r\n\r\nGET /b HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
  expect((await text(socket)).match(/^HTTP\/1\.1 304 |^content-length: 5/gim)).toHaveLength(4);
});

test("an upstream that breaks off is no end of an answer", async () => {
  const url = await passThroughTo(
    await startHttpServer((request, response) => {
      if (request.url === "/none") request.socket.destroy();
      else response.writeHead(200, { "content-length": "100" }).write("half", () => response.socket?.destroy());
    }),
  );
  expect((await send(`${url}/none`, { method: "POST" }, "tea")).statusCode).toBe(502);
  await expect(send(`${url}/half`).then(text)).rejects.toThrow("aborted");
});

test("an upstream that answers before it has read the body is heard", async () => {
  const url = await passThroughTo(
    await startHttpServer((_request, response) => {
      response.writeHead(413).end("too large");
    }),
  );
  const answer = await send(url, { method: "POST" }, "x".repeat(3_000_000));
  expect([answer.statusCode, await text(answer)]).toEqual([413, "too large"]);
});

test("a request that only offers HTTP/2, or has a body, is no upgrade", async () => {
  const { url } = await gatewayTo(
    await startHttpServer(async (request, response) =>
      response.end(`${request.headers.upgrade} ${await text(request)}`),
    ),
  );
  const { port, hostname } = new URL(url);
  for (const protocol of ["h2c", "echo"]) {
    const socket = connect(Number(port), hostname);
    const head = `POST / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: ${protocol}\r\nContent-Length: 6\r\n\r\n`;
    socket.write(`${head}tea`);
    socket.write("cup");
    expect(await text(socket)).toMatch(/^HTTP\/1\.1 200 OK[^]*undefined teacup$/);
  }
});
