import { once } from "node:events";
import { createServer, request as httpRequest } from "node:http";
import { createServer as createTcpServer, type Server, type Socket } from "node:net";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { memoryStore } from "once-again/stores/memory";
import { expect, onTestFinished, test } from "vitest";
import { post, posted, startHttpServer } from "../support/http-server.ts";
import { answer, breakOff, scriptedServer } from "../support/scripted-server.ts";
import { gatewayTo, keyedRoute } from "./start-gateway.ts";
import { oneRetryAfter } from "../support/retry-after.ts";

const routes = [keyedRoute];

test("an operation happens once, and every repeat gets the first answer", async () => {
  const { url, script, received } = await scriptedServer();
  script.push((response, request) => {
    const { "idempotency-attempt": attempt, "idempotency-fence": fence } = request.headers;
    response.writeHead(201, ["Set-Cookie", "a=1", "Location", "/orders/1", "X-Two", "1", "X-Two", "2"]);
    response.end(`attempt ${attempt}, fence ${fence}`);
  });
  const { url: gateway } = await gatewayTo(new URL(url).origin, { routes });

  const first = await post(`${gateway}/orders`);
  const second = await post(`${gateway}/orders`);
  const [made, again] = [await first.text(), await second.text()];
  expect([first.status, made]).toEqual([201, expect.stringMatching(/^attempt 1, fence \d+$/)]);
  expect([second.status, again]).toEqual([201, made]);
  expect(first.headers.getSetCookie()).toEqual(["a=1"]);
  expect(second.headers.getSetCookie()).toEqual([]);
  expect(second.headers.get("location")).toBe("/orders/1");
  expect(second.headers.get("x-two")).toBe("1, 2");
  expect([first, second].map(({ headers }) => headers.get("idempotent-replayed"))).toEqual([null, "true"]);
  expect(received).toMatchObject([{ method: "POST", path: "/orders", key: "order-7", body: '{"item":"tea"}' }]);
});

test("a request without a key is refused where one is required, and passes where one is not", async () => {
  const { url, received } = await scriptedServer();
  const optional = { ...keyedRoute, path: "/optional/*", keyed: "optional" as const };
  const { url: gateway } = await gatewayTo(new URL(url).origin, { routes: [optional, keyedRoute] });

  expect((await fetch(`${gateway}/orders`, { method: "POST" })).status).toBe(400);
  expect((await fetch(`${gateway}/optional/orders`, { method: "POST" })).status).toBe(200);
  expect((await fetch(`${gateway}/orders`)).status).toBe(200);
  expect((await fetch(`${gateway}//optional/../orders/`, { method: "POST" })).status).toBe(400);
  expect(received.map(({ method, path }) => `${method} ${path}`)).toEqual(["POST /optional/orders", "GET /orders"]);
});

test("equal keys of two callers are two keys", async () => {
  const { url, received } = await scriptedServer();
  const { url: gateway } = await gatewayTo(new URL(url).origin, { routes });
  for (const account of ["a", "b", "a"]) await post(gateway, "k", { headers: { "x-account": account } });
  expect(received).toHaveLength(2);
});

test("a caller that the scope refuses gets no replay, and one that it can't determine gets an error without an effect", async () => {
  const { url, received } = await scriptedServer();
  let isRevoked = false;
  const refusal = {
    status: 401,
    headers: [["www-authenticate", "Bearer"]],
    body: Buffer.from("who are you?"),
  } as const;
  const { url: gateway } = await gatewayTo(new URL(url).origin, {
    routes: [
      {
        ...keyedRoute,
        scope: async ({ url }) => {
          if (url === "/broken") throw new Error("the directory is away");
          return isRevoked ? { refusal } : { scope: "a" };
        },
      },
    ],
  });
  expect(await posted(gateway)).toMatchObject({ status: 200, replayed: false });
  isRevoked = true;
  const refused = await post(gateway);
  expect([refused.status, refused.headers.get("www-authenticate")]).toEqual([401, "Bearer"]);
  expect(await refused.text()).toBe("who are you?");
  expect((await post(`${gateway}/broken`)).status).toBe(503);
  expect(received).toHaveLength(1);
});

test("while the store is away, keyed requests are refused and the upstream is not asked", async () => {
  const { url, received } = await scriptedServer();
  const store = { ...memoryStore(), claim: () => Promise.reject(new Error("no connection")) };
  const { url: gateway } = await gatewayTo(new URL(url).origin, { routes, store });
  const refused = await post(gateway);
  expect([refused.status, refused.headers.get("retry-after")]).toEqual([503, oneRetryAfter]);
  expect((await fetch(gateway)).status).toBe(200);
  expect(received.map(({ method }) => method)).toEqual(["GET"]);
});

test("a body that is too large is refused before it is forwarded", async () => {
  const { url, received } = await scriptedServer();
  const { url: gateway } = await gatewayTo(new URL(url).origin, { routes, limits: { bodyBytesMax: 10 } });
  expect((await post(gateway, "k", { body: "x".repeat(11) })).status).toBe(413);
  const body = new Blob(["x".repeat(1_000_000)]).stream();
  const chunked = await post(gateway, "k", { body, duplex: "half" });
  expect(chunked.status).toBe(413);
  expect((await post(gateway, "k", { body: "x".repeat(10) })).status).toBe(200);
  expect(received).toHaveLength(1);
});

test("an upstream that can't be reached was asked for nothing, and the key is free", async () => {
  const { url, port } = await unusedPort();
  const { url: gateway } = await gatewayTo(url, { routes });
  expect(await posted(gateway)).toMatchObject({ status: 503 });
  const server = createServer((_request, response) => response.end("done")).listen(port, "127.0.0.1");
  onTestFinished(() => void server.close());
  await once(server, "listening");
  expect(await posted(gateway)).toEqual({ status: 200, text: "done", replayed: false });
});

test("an operation is held when its response was cut: it is named, and never sent again", async () => {
  const { url, script, received } = await scriptedServer();
  script.push(breakOff);
  const { url: gateway } = await gatewayTo(new URL(url).origin, { routes });
  for (let repeat = 0; repeat < 3; repeat += 1) {
    const { status, text: body } = await posted(gateway);
    expect([status, JSON.parse(body)]).toEqual([409, expect.objectContaining({ code: "ONCE_OUTCOME_UNKNOWN" })]);
  }
  expect(received).toHaveLength(1);
});

test("where the upstream honours the key, a repeat is sent again with it", async () => {
  const { url, script, received } = await scriptedServer();
  script.push(breakOff);
  const { url: gateway } = await gatewayTo(new URL(url).origin, {
    routes: [{ ...keyedRoute, onUnknown: { policy: "forward-key" } }],
  });
  expect((await posted(gateway)).status).toBe(502);
  expect(await posted(gateway)).toMatchObject({ status: 200, replayed: false });
  expect(await posted(gateway)).toMatchObject({ status: 200, replayed: true });
  expect(received.map(({ key }) => key)).toEqual(["order-7", "order-7"]);
});

test("what the upstream knows of an operation settles it: found, absent, or neither", async () => {
  const { url, script, received } = await scriptedServer();
  const { url: gateway } = await gatewayTo(new URL(url).origin, {
    routes: [
      {
        ...keyedRoute,
        path: "/{account}/orders",
        leaseMs: 100,
        onUnknown: { policy: "reconcile", url: "/{account}/orders?by={key}", quiesceMs: 1 },
      },
    ],
  });
  const repeat = async (key: string): Promise<Awaited<ReturnType<typeof posted>>> => {
    for (;;) {
      const read = await posted(`${gateway}/acme/orders`, key, { headers: { authorization: "Bearer t" } });
      if (!read.text.includes("ONCE_IN_PROGRESS")) return read;
    }
  };
  script.push(breakOff, answer(500), answer(200, { "x-order": "7" }, "order 7"));
  expect((await repeat("a&b")).status).toBe(502);
  expect(await repeat("a&b")).toMatchObject({ status: 409, text: expect.stringContaining("ONCE_OUTCOME_UNKNOWN") });
  expect(await repeat("a&b")).toEqual({ status: 200, text: "order 7", replayed: false });
  expect(await repeat("a&b")).toEqual({ status: 200, text: "order 7", replayed: true });
  expect(received.splice(0)).toMatchObject([
    { method: "POST", path: "/acme/orders" },
    { method: "GET", path: "/acme/orders?by=a%26b", key: "undefined", authorization: "Bearer t", body: "" },
    { method: "GET", path: "/acme/orders?by=a%26b" },
  ]);

  script.push(breakOff, answer(404), answer(201));
  expect((await repeat("c")).status).toBe(502);
  expect((await repeat("c")).status).toBe(201);
  expect(received.map(({ method }) => method)).toEqual(["POST", "GET", "POST"]);
});

test("an upstream that is silent for too long leaves the outcome unknown", async () => {
  const url = await startHttpServer(() => undefined);
  const { url: gateway } = await gatewayTo(url, { routes, limits: { firstByteMs: 50 } });
  expect(await posted(gateway)).toMatchObject({ status: 409, text: expect.stringContaining("ONCE_OUTCOME_UNKNOWN") });
  const { url: patient } = await gatewayTo(url, { routes, limits: { totalMs: 50 } });
  expect(await posted(patient, "other")).toMatchObject({ status: 504 });
  expect(await posted(patient, "other")).toMatchObject({ status: 409 });
});

test("a response that is too large to be stored is passed on whole, and its repeats get an error that says so", async () => {
  const large = "0123456789".repeat(500_000);
  const { url, script, received } = await scriptedServer();
  script.push(answer(201, { "x-own": "1" }, large));
  const { url: gateway } = await gatewayTo(new URL(url).origin, { routes, limits: { resultBytesMax: 2048 } });
  const first = await post(gateway);
  expect([first.status, first.headers.get("x-own"), await first.text()]).toEqual([201, "1", large]);
  expect(await posted(gateway)).toMatchObject({
    status: 500,
    replayed: true,
    text: expect.stringContaining("RESULT_TOO_LARGE"),
  });
  expect(received).toHaveLength(1);
});

test("a caller who hangs up does not end its operation, however large its answer", async () => {
  for (const body of ["small", "0123456789".repeat(500_000)]) {
    const begun = Promise.withResolvers<void>();
    const go = Promise.withResolvers<void>();
    const url = await startHttpServer(async (_request, response) => {
      begun.resolve();
      await go.promise;
      response.end(body);
    });
    const { url: gateway } = await gatewayTo(url, { routes });
    const headers = { "idempotency-key": "k", "content-type": "text/plain;charset=UTF-8" };
    const sent = httpRequest(gateway, { method: "POST", headers }).end("{}");
    sent.on("error", () => undefined);
    await begun.promise;
    sent.destroy();
    go.resolve();
    for (;;) {
      const read = await posted(gateway, "k", { body: "{}" });
      if (read.status === 409) continue;
      expect(read).toMatchObject(body === "small" ? { text: "small" } : { text: expect.stringContaining("TOO_LARGE") });
      break;
    }
  }
});

test("a body that waits for 100 is asked for by the gateway, and one that is too large is not", async () => {
  const { url } = await scriptedServer();
  const { url: gateway } = await gatewayTo(new URL(url).origin, { routes, limits: { bodyBytesMax: 10 } });
  const sent = (length: string) => {
    const headers = { expect: "100-continue", "content-length": length, "idempotency-key": "k" };
    const request = httpRequest(gateway, { method: "POST", agent: false, headers });
    request.flushHeaders();
    return request;
  };
  const fits = sent("3");
  await once(fits, "continue");
  fits.end("tea");
  const [answered] = await once(fits, "response");
  expect(await text(answered)).toBe("status 200");
  const tooLarge = sent("11");
  const [refused] = await once(tooLarge, "response");
  expect(refused.statusCode).toBe(413);
  tooLarge.destroy();
});

/** A back end that has its effect, and cuts its answer after so many bytes. */
async function cuttingServer(
  answerText: string,
): Promise<{ url: string; effects: () => number; cutAfter(bytes: number): void }> {
  let [effects, bytes] = [0, 0];
  const server: Server = createTcpServer((socket: Socket) => {
    let heard = "";
    socket.on("error", () => undefined);
    socket.on("data", (chunk) => {
      heard += String(chunk);
      if (!heard.includes('{"item":"tea"}')) return;
      heard = "";
      effects += 1;
      const part = answerText.slice(0, bytes);
      if (part === answerText) socket.write(part);
      else socket.end(part);
    });
  }).listen(0, "127.0.0.1");
  onTestFinished(() => void server.close());
  await once(server, "listening");
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    effects: () => effects,
    cutAfter: (count) => (bytes = count),
  };
}

test.each([
  ["with a length", "HTTP/1.1 201 Made\r\nContent-Length: 5\r\nX-Order: 7\r\n\r\nfirst"],
  ["in chunks", "HTTP/1.1 201 Made\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nfir\r\n2\r\nst\r\n0\r\n\r\n"],
])("an answer %s that is cut at any byte has one effect, and is named", async (_, answerText) => {
  const { url, effects, cutAfter } = await cuttingServer(answerText);
  const { url: gateway } = await gatewayTo(url, { routes });
  for (let bytes = 0; bytes <= answerText.length; bytes += 1) {
    cutAfter(bytes);
    const whole = bytes === answerText.length;
    for (let repeat = 0; repeat < 2; repeat += 1) {
      const read = await posted(gateway, `cut-${bytes}`);
      expect(read).toMatchObject(whole ? { status: 201, text: "first" } : { status: 409 });
      if (!whole) expect(JSON.parse(read.text)).toMatchObject({ code: "ONCE_OUTCOME_UNKNOWN" });
    }
    expect(effects()).toBe(bytes + 1);
  }
});

async function unusedPort(): Promise<{ url: string; port: number }> {
  const server = createTcpServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return { url: `http://127.0.0.1:${port}`, port };
}
