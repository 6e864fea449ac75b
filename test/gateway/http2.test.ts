import { once } from "node:events";
import { ClientRequest, type IncomingMessage } from "node:http";
import { connect as connectHttp2, constants } from "node:http2";
import { buffer } from "node:stream/consumers";
import { expect, test } from "vitest";
import { startHttpServer } from "../support/http-server.ts";
import { http2GatewayTo } from "./start-gateway.ts";

// HTTP/2 does at the gateway as HTTP/1.1 does: the same request by both, to the same service.

type Version = "HTTP/1.1" | "HTTP/2";

/** One request as both versions send it. */
interface Spec {
  readonly method?: string;
  readonly path?: string;
  /** Names and values in turn. */
  readonly headers?: readonly string[];
  readonly host?: string | undefined;
  readonly body?: string;
  /** Whether the body has a length: it is sent in chunks otherwise. */
  readonly hasLength?: boolean;
  readonly trailers?: readonly string[];
}

/** The response as its caller gets it. */
interface Got {
  readonly status: number | "cut";
  readonly headers: Readonly<Record<string, unknown>>;
  readonly interim: readonly number[];
  readonly body: string;
  readonly trailers: Readonly<Record<string, unknown>>;
}

/** Of a connection, not of a response; and what differs by its time. */
const ofConnection = ["connection", "keep-alive", "transfer-encoding", "date", "proxy-connection"];

function comparable(headers: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const ofResponse = Object.entries(headers).filter(([name]) => !name.startsWith(":") && !ofConnection.includes(name));
  return Object.fromEntries(ofResponse.toSorted(([one], [other]) => (one < other ? -1 : 1)));
}

const pairs = (flat: readonly string[]): [string, string][] =>
  Array.from({ length: flat.length / 2 }, (_, at) => [flat[at * 2]!, flat[at * 2 + 1]!]);

/** Each header by its name, a repeated one with its values in turn. */
function grouped(flat: readonly string[]): Record<string, string> {
  const all = Object.groupBy(pairs(flat), ([name]) => name.toLowerCase());
  return Object.fromEntries(
    Object.entries(all).map(([name, ones]) => [name, ones!.map(([, value]) => value).join("|")]),
  );
}

const send: Readonly<Record<Version, (url: string, spec: Spec) => Promise<Got>>> = {
  "HTTP/1.1": async (url, { method = "GET", path = "/", headers = [], host = "shop.example", ...spec }) => {
    const { body, hasLength = true, trailers = [] } = spec;
    const framing = hasLength
      ? ["content-length", String(Buffer.byteLength(body ?? ""))]
      : ["transfer-encoding", "chunked"];
    const { hostname, port } = new URL(url);
    const all = ["host", host, ...headers, ...(body === undefined ? [] : framing)];
    const sent = new ClientRequest({ host: hostname, port, method, path, headers: all, setHost: false, agent: false });
    const interim: number[] = [];
    sent.on("information", ({ statusCode }) => interim.push(statusCode));
    if (body !== undefined) sent.write(body);
    if (trailers.length > 0) sent.addTrailers(pairs(trailers));
    sent.end();
    const { promise, resolve } = Promise.withResolvers<Got>();
    const cut: Got = { status: "cut", headers: {}, interim, body: "", trailers: {} };
    sent.on("error", () => resolve(cut));
    sent.on("response", async (response: IncomingMessage) => {
      const whole = await buffer(response).catch(() => undefined);
      if (whole === undefined) return resolve(cut);
      resolve({
        status: response.statusCode!,
        headers: comparable(grouped(response.rawHeaders)),
        interim,
        body: whole.toString("latin1"),
        trailers: comparable(grouped(response.rawTrailers)),
      });
    });
    return promise;
  },
  "HTTP/2": async (url, { method = "GET", path = "/", headers = [], host = "shop.example", ...spec }) => {
    const { body, hasLength = true, trailers = [] } = spec;
    // Node has this option; its types do not.
    const lenient: object = { strictSingleValueFields: false };
    const session = connectHttp2(url, lenient);
    session.on("error", () => undefined);
    const length = body !== undefined && hasLength ? ["content-length", String(Buffer.byteLength(body))] : [];
    const pseudo = [":method", method, ":scheme", "http", ":path", path, ":authority", host];
    const lowerCase = headers.map((text, at) => (at % 2 === 0 ? text.toLowerCase() : text));
    const stream = session.request([...pseudo, ...lowerCase, ...length], {
      endStream: body === undefined,
      waitForTrailers: trailers.length > 0,
    });
    const interim: number[] = [];
    stream.on("headers", (early) => interim.push(early[":status"]!));
    stream.on("wantTrailers", () => stream.sendTrailers(Object.fromEntries(pairs(trailers))));
    const ended = once(stream, "close");
    let trailed: readonly string[] = [];
    stream.on("trailers", ((_headers: unknown, _flags: number, raw: string[]) => (trailed = raw)) as never);
    let head: readonly string[] | undefined;
    stream.on("response", ((_headers: unknown, _flags: number, raw: string[]) => (head = raw)) as never);
    if (body !== undefined) stream.end(body);
    const whole = await buffer(stream).catch(() => undefined);
    await ended.catch(() => undefined);
    session.destroy();
    if (whole === undefined || head === undefined || stream.rstCode !== constants.NGHTTP2_NO_ERROR)
      return { status: "cut", headers: {}, interim, body: "", trailers: {} };
    const { ":status": status, ...others } = grouped(head);
    return {
      status: Number(status),
      headers: comparable(others),
      interim,
      body: whole.toString("latin1"),
      trailers: comparable(grouped(trailed)),
    };
  },
};

/** A service that answers by path, and says in its body how the request came. */
async function startService(): Promise<{ url: string; seen: object[] }> {
  const seen: object[] = [];
  let effects = 0;
  const url = await startHttpServer(async (request, response) => {
    const { method, url: target = "", rawHeaders } = request;
    const body = await buffer(request).catch(() => Buffer.from("cut"));
    const { via = "", ...headers } = comparable(grouped(rawHeaders)) as Record<string, string>;
    delete headers["idempotency-fence"];
    delete headers["traceparent"];
    const trailers = comparable(grouped(request.rawTrailers));
    seen.push({
      method,
      target,
      headers,
      via: via.replace(/(?:1\.1|2) once-again$/, "once-again"),
      body: body.toString("latin1"),
      trailers,
    });
    switch (target.split("?", 1)[0]) {
      case "/repeated":
        response.writeHead(200, [
          "Set-Cookie",
          "a=1",
          "Set-Cookie",
          "b=2",
          "Link",
          "</a>",
          "Link",
          "</b>",
          "ETag",
          '"1"',
          "ETag",
          '"2"',
        ]);
        return response.end("repeated");
      case "/latin1":
        response.writeHead(200, ["X-Name", "caf\u00e9\u00ff"]);
        return response.end(Buffer.from("caf\u00e9", "latin1"));
      case "/204":
        return response.writeHead(204).end();
      case "/304":
        return response.writeHead(304, { etag: '"1"', "content-length": "9" }).end();
      case "/403":
        return response.writeHead(403, "Not at all").end("no");
      case "/500":
        return response.writeHead(500).end("broken");
      case "/trailers":
        response.writeHead(200, { trailer: "x-sum" });
        response.write("a");
        response.addTrailers({ "x-sum": "1", "x-forwarded-for": "6.6.6.6" });
        return response.end("b");
      case "/early":
        response.writeEarlyHints({ link: "</style.css>; rel=preload" });
        return response.end("late");
      case "/large":
        return response.writeHead(200, { "content-length": 3_000_000 }).end("x".repeat(3_000_000));
      case "/silent-end":
        return request.socket.destroy();
      case "/cut":
        response.writeHead(200, { "content-length": 10 }).write("half");
        return setTimeout(() => request.socket.destroy(), 20);
      case "/connection":
        response.writeHead(200, ["Connection", "x-hop, close", "X-Hop", "1", "Keep-Alive", "timeout=9", "X-End", "1"]);
        return response.end("hop");
      case "/orders":
        effects += 1;
        return response
          .writeHead(201, { "content-type": "application/json" })
          .end(JSON.stringify({ body: String(body) }));
      default:
        response.writeHead(200, {
          "content-type": "text/plain",
          "access-control-allow-origin": "https://shop.example",
        });
        return response.end(`${method} ${target} ${effects >= 0}`);
    }
  });
  return { url, seen };
}

const key = (value: string): string[] => ["Idempotency-Key", value, "X-Account", "acme"];

test.for<[what: string, spec: Spec, status?: number | "cut"]>([
  ["GET", { path: "/a/b?c=d&e=%20" }, 200],
  ["HEAD", { method: "HEAD", path: "/a" }, 200],
  ["DELETE", { method: "DELETE", path: "/a" }, 200],
  ["OPTIONS *", { method: "OPTIONS", path: "*" }, 200],
  ["PUT with a length", { method: "PUT", body: "hello" }, 200],
  ["PUT in chunks", { method: "PUT", body: "hello", hasLength: false }, 200],
  ["PUT without a body", { method: "PUT" }, 200],
  ["GET with a body", { body: "hello" }, 200],
  ["PUT of 1 MB", { method: "PUT", body: "x".repeat(1_000_000) }, 200],
  [
    "trailers of a request",
    {
      method: "PUT",
      body: "a",
      hasLength: false,
      headers: ["Trailer", "q"],
      trailers: ["q", "1", "x-account", "victim"],
    },
    200,
  ],
  ["trailers that were not announced", { method: "PUT", body: "a", hasLength: false, trailers: ["q", "1"] }, 200],
  ["TE", { headers: ["TE", "trailers"], path: "/trailers" }, 200],
  ["an expectation", { method: "PUT", body: "hello", headers: ["Expect", "100-continue"] }, 200],
  ["an unknown expectation", { method: "PUT", body: "hello", headers: ["Expect", "zz"] }, 417],
  ["repeated headers", { headers: ["X-A", "1", "X-B", "2", "X-A", "3", "Accept", "a", "Accept", "b"] }, 200],
  ["cookies", { headers: ["Cookie", "a=1; b=2"] }, 200],
  ["Latin-1", { headers: ["X-Name", "caf\u00e9\u00ff"], path: "/latin1" }, 200],
  [
    "headers of the gateway",
    { headers: ["Via", "1.0 x", "Idempotent-Replayed", "true", "Idempotency-Attempt", "7", "Idempotency-Fence", "9"] },
    200,
  ],
  [
    "headers of the way",
    {
      headers: [
        "X-Forwarded-For",
        "6.6.6.6",
        "Forwarded",
        "for=6.6.6.6",
        "X-Real-IP",
        "6.6.6.6",
        "X-Forwarded-Proto",
        "https",
      ],
    },
    200,
  ],
  [
    "other spellings",
    { headers: ["X_Account", "victim", "X_Forwarded_For", "6.6.6.6", "Idempotency_Key", "k", "X_Other", "fine"] },
    200,
  ],
  ["hidden dot segments", { path: "/public/..;/orders" }, 400],
  ["a host with a port", { host: "Shop.example:8080" }, 200],
  ["a method that HTTP/1.1's parser does not know", { method: "BREW" }, 400],
  ["a head of 20 KB", { headers: ["X-Long", "x".repeat(20_000)] }, 431],
  ["a head of 15 KB", { headers: ["X-Long", "x".repeat(15_000)] }, 200],
  ["300 headers", { headers: Array.from({ length: 300 }, (_, at) => [`x-${at}`, "1"]).flat() }, 200],
  ["a path of raw bytes", { path: "/caf\u00e9" }, 400],
  ["repeated headers of a response", { path: "/repeated" }, 200],
  ["204", { path: "/204" }, 204],
  ["304", { path: "/304" }, 304],
  ["403", { path: "/403" }, 403],
  ["500", { path: "/500" }, 500],
  ["trailers of a response", { path: "/trailers" }, 200],
  ["an early response", { path: "/early" }, 200],
  ["a large response", { path: "/large" }, 200],
  ["headers of a connection", { path: "/connection" }, 200],
  ["a service that ends unanswered", { path: "/silent-end" }, 502],
  ["a service that breaks off", { path: "/cut" }, "cut"],
  ["a health check", { path: "/-/health" }, 200],
  ["a keyed request", { method: "POST", path: "/orders", headers: key("k-1"), body: '{"a":1}' }, 201],
  ["a keyed request without a body", { method: "POST", path: "/orders", headers: key("k-1") }, 201],
  [
    "a keyed request in chunks",
    { method: "POST", path: "/orders", headers: key("k-1"), body: '{"a":1}', hasLength: false },
    201,
  ],
  ["a missing key", { method: "POST", path: "/orders", body: "{}" }, 400],
  ["two keys", { method: "POST", path: "/orders", body: "{}", headers: [...key("a"), ...key("b")] }, 400],
  ["a key that is too long", { method: "POST", path: "/orders", body: "{}", headers: key("k".repeat(300)) }, 400],
  [
    "a keyed body that is too large",
    { method: "POST", path: "/orders", headers: key("k-1"), body: "x".repeat(20_000) },
    413,
  ],
  [
    "one in chunks",
    { method: "POST", path: "/orders", headers: key("k-1"), body: "x".repeat(20_000), hasLength: false },
    413,
  ],
  [
    "a page's own 400",
    { method: "POST", path: "/orders", body: "{}", headers: ["Origin", "https://shop.example"] },
    400,
  ],
  [
    "another page's own 400",
    { method: "POST", path: "/orders", body: "{}", headers: ["Origin", "https://evil.example"] },
    400,
  ],
  [
    "a preflight",
    {
      method: "OPTIONS",
      path: "/orders",
      headers: ["Origin", "https://shop.example", "Access-Control-Request-Method", "POST"],
    },
    201,
  ],
])("%s: the response, and what the service sees, are those of HTTP/1.1", async ([, spec, status]) => {
  const service = await startService();
  const one = async (version: Version) => {
    service.seen.splice(0);
    const { url } = await http2GatewayTo(service.url, {
      limits: { bodyBytesMax: 10_000 },
      cors: { origins: ["https://shop.example"] },
    });
    const got = await send[version](url, spec);
    return { got, seen: [...service.seen] };
  };
  const [http1, http2] = [await one("HTTP/1.1"), await one("HTTP/2")];
  expect(http2).toEqual(http1);
  expect(http2.got.status).toBe(status);
});
