/** When, and how, a caller leaves its connection. `stays`: it reads until the other side ends it. */
export type Leaving = {
  readonly when: "at once" | "when the service is asked" | "stays";
  /** By a reset, by closing both directions, or by closing its own only. */
  readonly by: "reset" | "close" | "end";
};

/** Bytes that a caller sends over one connection, and how it leaves. */
export interface ConnectionShape {
  readonly name: string;
  /** Latin-1. */
  readonly bytes: string;
  readonly leaving: Leaving;
}

/** A request's head, and what follows it. */
export const requestText = (start: string, lines: readonly string[] = [], rest = ""): string =>
  [`${start} HTTP/1.1`, "Host: a", ...lines, "", rest].join("\r\n");

export const webSocket = [
  "Connection: Upgrade",
  "Upgrade: websocket",
  "Sec-WebSocket-Version: 13",
  "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
];
const otherProtocol = ["Connection: upgrade", "Upgrade: x"];
const http2 = ["Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABkAAQAAP__"];
const keyed = ["x-account: acme", "Idempotency-Key: k-1", "Content-Length: 2"];
const stays: Leaving = { when: "stays", by: "close" };

const staying = (name: string, ...requests: string[]): ConnectionShape => ({
  name,
  bytes: requests.join(""),
  leaving: stays,
});

/** C0: trailers that are announced where none can follow. */
const trailerShapes: readonly ConnectionShape[] = [
  staying("GET, Trailer", "GET / HTTP/1.1\r\nHost: a\r\nTrailer: q\r\n\r\n"),
  staying("PUT, Trailer and a length", requestText("PUT /", ["Trailer: q", "Content-Length: 2"], "hi")),
  staying("HEAD, Trailer", requestText("HEAD /", ["Trailer: q"])),
  staying("DELETE, Trailer", requestText("DELETE /", ["Trailer: q, r", "TE: trailers"])),
  staying("keyed POST, Trailer", requestText("POST /", ["Trailer: q", ...keyed], "{}")),
  staying(
    "chunked PUT, Trailer, and other trailers than it announces",
    requestText(
      "PUT /",
      ["Trailer: q", "Transfer-Encoding: chunked"],
      "2\r\nhi\r\n0\r\nz: 1\r\nx-forwarded-for: 6.6.6.6\r\n\r\n",
    ),
  ),
];

/** C1: callers who leave in the middle of an upgrade, and of what is no upgrade. */
const leavingShapes: readonly ConnectionShape[] = (["at once", "when the service is asked"] as const).flatMap((when) =>
  (["reset", "close", "end"] as const).flatMap((by) => {
    const leaving = (name: string, bytes: string): ConnectionShape => ({
      name: `${name}, left ${when} by ${by}`,
      bytes,
      leaving: { when, by },
    });
    return [
      leaving("upgrade", requestText("GET /ws", webSocket)),
      leaving("upgrade that is refused", requestText("GET /refuse", otherProtocol)),
      leaving("upgrade that is never answered", requestText("GET /never", otherProtocol)),
      leaving("upgrade, and much behind it", requestText("GET /ws", webSocket, "x".repeat(1_000_000))),
      leaving("upgrade to no path", requestText("GET ftp://x", otherProtocol)),
      leaving("upgrade of the gateway's own path", requestText("GET /-/health", otherProtocol)),
      leaving("request", requestText("GET /slow")),
      leaving("half a body", requestText("PUT /", ["Content-Length: 10"], "half")),
      leaving("half a chunked body", requestText("POST /", ["Transfer-Encoding: chunked"], "2\r\nhi\r\n5\r\nh")),
      leaving("half a head", "GET / HTTP/1.1\r\nHost:"),
      leaving("expectation", requestText("POST /slow", ["Expect: 100-continue", "Content-Length: 9"])),
      leaving("keyed request", requestText("POST /slow", keyed, "{}")),
    ];
  }),
);

/** C2: upgrades behind requests of the same connection. */
const slow = requestText("GET /slow");
const pipelinedShapes: readonly ConnectionShape[] = [
  staying("upgrade behind a slow request", slow, requestText("GET /ws", webSocket)),
  staying("upgrade by DELETE behind a slow request", slow, requestText("DELETE /ws", otherProtocol)),
  staying("upgrade behind a refused request", requestText("GET ftp://x"), requestText("GET /ws", webSocket)),
  staying("upgrade behind one without Host", "GET / HTTP/1.1\r\n\r\n", requestText("GET /ws", webSocket)),
  staying(
    "upgrade behind an unknown expectation",
    requestText("GET /", ["Expect: zz"]),
    requestText("GET /ws", webSocket),
  ),
  staying(
    "upgrade behind an expectation",
    requestText("GET /slow", ["Expect: 100-continue"]),
    requestText("GET /ws", webSocket),
  ),
  staying("upgrade behind an upgrade", requestText("GET /refuse", otherProtocol), requestText("GET /ws", webSocket)),
  staying("HTTP/2 behind a slow request", slow, requestText("GET /", http2)),
  staying("HTTP/2, and a request behind it", requestText("GET /", http2), slow),
  staying("keyed upgrade behind a slow request", slow, requestText("POST /ws", [...webSocket, ...keyed], "{}")),
  staying("keyed upgrade", requestText("POST /ws", [...webSocket, ...keyed], "{}")),
  staying("CONNECT behind a slow request", slow, "CONNECT a:443 HTTP/1.1\r\nHost: a\r\n\r\n"),
  staying("PRI behind a slow request", slow, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
  staying("garbage behind a slow request", slow, "garbage\r\n\r\n"),
  staying("unknown expectation behind a slow request", slow, requestText("GET /", ["Expect: zz"])),
];

/** Targets, hosts and versions that no service can be asked for. */
const targetShapes: readonly ConnectionShape[] = [
  ...[
    "http://[bad/",
    "http://[",
    "http://a@evil/o",
    "http://",
    "//[",
    "*",
    "/%ff",
    "/\u00e9",
    "ftp://x",
    "http:",
    "?",
    "/a#b",
  ].map((target) => staying(`GET ${target}`, requestText(`GET ${target}`))),
  ...["[", "a b", 'a"b', "a@b", "\u00e9", "a/b", "a:b"].map((host) =>
    staying(`Host: ${host}`, `GET / HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`),
  ),
  staying("HTTP/0.9", "GET /o\r\n\r\n"),
  staying("HTTP/1.0 without Host", "GET / HTTP/1.0\r\n\r\n"),
  staying("an unasked change of protocol", requestText("GET /101", ["Expect: 100-continue"])),
  staying("an unasked change of protocol, of the pool", requestText("GET /101")),
];

/** Connections that have ended a process, or lost a response, and their neighbours. */
export const connectionShapes: readonly ConnectionShape[] = [
  ...trailerShapes,
  ...leavingShapes,
  ...pipelinedShapes,
  ...targetShapes,
];
