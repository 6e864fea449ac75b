import { once } from "node:events";
import { createServer, type Socket } from "node:net";
import { expect, test } from "vitest";
import { OnceAgainError } from "../core/errors.ts";
import { errorVerdict, unlistedVerdict } from "./error-verdict.ts";

interface Facts {
  readonly code?: string;
  readonly syscall?: string;
  readonly message?: string;
}

function systemError(facts: Facts): Error {
  return Object.assign(new Error(facts.message ?? "failed"), facts);
}

/** An error as Node's fetch throws them. */
function fetchFailed(facts: Facts): Error {
  return new TypeError("fetch failed", { cause: systemError(facts) });
}

function words(text: string): string[] {
  return text.trim().split(/\s+/);
}

/** The verdict on an error in short: `never`, `never for good`, `failed`, `unknown`. */
function verdictOn(error: unknown): string {
  const { delivery, transient } = errorVerdict(error);
  return transient ? delivery : `${delivery} for good`;
}

test.each(
  words(`
    ENOTFOUND EAI_AGAIN ENODATA ESERVFAIL ECONNREFUSED ConnectionRefused EADDRINUSE EMFILE
    UND_ERR_CONNECT_TIMEOUT ERR_SOCKET_CONNECTION_TIMEOUT UND_ERR_PRX_TLS UND_ERR_PRX_CONN
    UND_ERR_SOCKS5_AUTH_FAILED ERR_HTTP2_GOAWAY_SESSION ERR_HTTP2_INVALID_SESSION
  `),
)("%s: no request was sent", (code) => {
  expect(verdictOn(fetchFailed({ code }))).toBe("never");
});

test.each(["ETIMEDOUT", "EHOSTUNREACH", "ECONNRESET", "ENETUNREACH", "ENETDOWN", "EHOSTDOWN", "EADDRNOTAVAIL"])(
  "%s: the system call distinguishes a connection that failed from one that was lost",
  (code) => {
    expect(verdictOn(fetchFailed({ code, syscall: "connect" }))).toBe("never");
    for (const syscall of ["read", "write"]) expect(verdictOn(fetchFailed({ code, syscall }))).toBe("unknown");
    expect(verdictOn(fetchFailed({ code }))).toBe("unknown");
  },
);

test.each(
  words(`
    CERT_HAS_EXPIRED DEPTH_ZERO_SELF_SIGNED_CERT SELF_SIGNED_CERT_IN_CHAIN ERR_TLS_CERT_ALTNAME_INVALID
    UNABLE_TO_VERIFY_LEAF_SIGNATURE ERR_INVALID_URL UND_ERR_INVALID_ARG UND_ERR_NOT_SUPPORTED
  `),
)("%s: what is wrong stays wrong", (code) => {
  expect(verdictOn(fetchFailed({ code }))).toBe("never for good");
});

test("EPROTO speaks of the handshake only when its message proves it", () => {
  const eproto = (text: string): Error => fetchFailed({ code: "EPROTO", message: `write EPROTO 80:error:${text}` });
  expect(verdictOn(eproto("ssl3_read_bytes:ssl/tls alert handshake failure"))).toBe("never for good");
  expect(verdictOn(eproto("tls_validate_record_header:wrong version number"))).toBe("never for good");
  expect(verdictOn(eproto("tls_default_validate_record_header:wrong version number"))).toBe("unknown");
  expect(verdictOn(eproto("ssl3_get_record:decryption failed or bad record mac"))).toBe("unknown");
});

test("an answer that breaks off after its status has failed", () => {
  expect(verdictOn(fetchFailed({ code: "UND_ERR_BODY_TIMEOUT" }))).toBe("failed");
  expect(verdictOn(fetchFailed({ code: "UND_ERR_RES_CONTENT_LENGTH_MISMATCH" }))).toBe("failed");
  const lost = systemError({ code: "UND_ERR_SOCKET" });
  expect(verdictOn(new TypeError("terminated", { cause: lost }))).toBe("failed");
});

test.each(
  words(`
    ECONNRESET EPIPE ECONNABORTED UND_ERR_SOCKET UND_ERR_HEADERS_TIMEOUT UND_ERR_ABORTED HPE_INVALID_CONSTANT
    EWHATEVER
  `),
)("%s: a lost or late answer, or an error of no known kind, proves nothing", (code) => {
  expect(verdictOn(fetchFailed({ code }))).toBe("unknown");
});

test("time-outs prove nothing, whatever happened before them", () => {
  expect(verdictOn(new DOMException("The operation timed out.", "TimeoutError"))).toBe("unknown");
  const cause = fetchFailed({ code: "ECONNREFUSED" });
  expect(verdictOn(new OnceAgainError("ONCE_ATTEMPT_TIMEOUT", "", { cause }))).toBe("unknown");
  expect(verdictOn(new OnceAgainError("ONCE_DEADLINE_EXCEEDED", "", { cause }))).toBe("unknown");
});

test("what a layer held back never left", () => {
  for (const code of ["ONCE_CIRCUIT_OPEN", "ONCE_THROTTLED", "ONCE_QUEUE_FULL"] as const) {
    expect(verdictOn(new OnceAgainError(code, "test"))).toBe("never");
  }
});

test("HTTP/2 and HTTP/3: a refused stream never ran, any other may have", () => {
  const stream = (message: string): Error => fetchFailed({ code: "ERR_HTTP2_STREAM_ERROR", message });
  expect(verdictOn(stream("Stream closed with error code NGHTTP2_REFUSED_STREAM"))).toBe("never");
  expect(verdictOn(stream("Stream closed with error code NGHTTP2_INTERNAL_ERROR"))).toBe("unknown");
  expect(verdictOn(fetchFailed({ message: "H3_REQUEST_REJECTED" }))).toBe("never");
});

test.each([
  ["error sending request for url (http://x/): client error (Connect): refused", "never"],
  ["client error (Connect): invalid peer certificate: UnknownIssuer", "never for good"],
  ["client error (SendRequest): connection closed", "unknown"],
  ["client error (Connect): received fatal alert: ProtocolVersion", "never for good"],
  ["stream error received: refused stream before processing any application logic", "never"],
  ["error reading a body from connection", "failed"],
  ["EPROTO: The TLS handshake failed. Does the server speak TLS on this port?", "unknown"],
  ["Network connection lost.", "unknown"],
  ["socket hang up", "unknown"],
  ["Failed to fetch", "unknown"],
  ["Load failed", "unknown"],
  ["NetworkError when attempting to fetch resource.", "unknown"],
])("only a message: %s", (message, verdict) => {
  expect(verdictOn(new TypeError(message))).toBe(verdict);
});

test.each([undefined, null, "text", 7, {}])("%j was thrown: unknown", (thrown) => {
  expect(verdictOn(thrown)).toBe("unknown");
});

test("of several failures every one must prove that nothing arrived, whatever code stands outside", () => {
  const refused = systemError({ code: "ECONNREFUSED" });
  const lost = systemError({ code: "ECONNRESET", syscall: "read" });
  const strange = systemError({ code: "EWHATEVER" });
  const together = (...errors: Error[]): Error => {
    return new TypeError("fetch failed", {
      cause: Object.assign(new AggregateError(errors), { code: "ECONNREFUSED" }),
    });
  };
  expect(verdictOn(together(refused, refused))).toBe("never");
  expect(verdictOn(together(systemError({ code: "CERT_HAS_EXPIRED" }), refused))).toBe("never");
  expect(verdictOn(together(refused, lost))).toBe("unknown");
  expect(verdictOn(together(refused, strange))).toBe("unknown");
  expect(verdictOn(together())).toBe("never");
});

test("an error that wraps itself is judged without an endless loop", () => {
  const [first, second] = [new Error("first"), new Error("second")];
  first.cause = second;
  second.cause = first;
  expect(verdictOn(first)).toBe("unknown");
  const aggregate = new AggregateError([]);
  aggregate.errors.push(aggregate);
  expect(verdictOn(aggregate)).toBe("unknown");
});

/** The verdict on what this runtime's fetch throws when it posts to a server that treats connections like this. */
async function verdictOnPost(scheme: string, treat: (socket: Socket) => void): Promise<string> {
  const server = createServer((socket) => {
    socket.on("error", () => {});
    treat(socket);
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as { port: number };
  try {
    return await verdictOnFetch(`${scheme}://127.0.0.1:${port}`);
  } finally {
    server.close();
  }
}

async function verdictOnFetch(url: string): Promise<string> {
  return fetch(url, { method: "POST", body: "x" }).then(() => "answered", verdictOn);
}

test("what this runtime's fetch really throws", async () => {
  const afterData = (socket: Socket): void => void socket.once("data", () => socket.resetAndDestroy());
  const nonsense = (socket: Socket): void => void socket.end("neither TLS nor HTTP\r\n\r\n");
  expect(await verdictOnPost("http", afterData)).toBe("unknown");
  expect(await verdictOnPost("http", nonsense)).toBe("unknown");
  expect(await verdictOnPost("https", nonsense)).toBe("never for good");
  expect(await verdictOnPost("https", (socket) => socket.destroy())).toBe("never");

  const closed = createServer().listen(0);
  await once(closed, "listening");
  const { port } = closed.address() as { port: number };
  closed.close();
  await once(closed, "close");
  expect(await verdictOnFetch(`http://127.0.0.1:${port}`)).toBe("never");
  expect(await verdictOnFetch(`http://localhost:${port}`)).toBe("never");

  expect(await verdictOnFetch("not a url")).toBe("never for good");
  expect(await verdictOnFetch("unheard-of://x")).toBe("never for good");
  expect(await verdictOnFetch("http://127.0.0.1:1")).toBe("never for good");
});

test.each([
  ["a redirect that is not allowed", { message: "unexpected redirect" }],
  ["a redirect loop", { message: "redirect count exceeded" }],
  ["bytes that do not fit their hash", { message: "integrity mismatch" }],
  ["too many encodings", { message: "too many content-encodings in response: 6, maximum allowed is 5" }],
  ["a redirect to no web address", { message: "URL scheme must be a HTTP(S) scheme" }],
  ["axios' redirect loop", { code: "ERR_FR_TOO_MANY_REDIRECTS" }],
  ["axios' answer over its limit", { message: "maxContentLength size of 10 exceeded", code: "ERR_BAD_RESPONSE" }],
  ["undici's answer over its limit", { code: "UND_ERR_RES_EXCEEDED_MAX_SIZE" }],
  ["Deno's redirect loop", { message: "Fetch failed: Maximum number of redirects (20) reached" }],
  ["Bun's redirect loop", { message: "TooManyRedirects: The response redirected too many times." }],
])("%s: it was answered, and no repeat can help", (_name, facts) => {
  expect(verdictOn(fetchFailed(facts))).toBe("unknown for good");
});

test.each([
  ["axios' own refusal", { code: "ERR_BAD_REQUEST", message: "Unsupported protocol ftp:" }],
  ["axios' body over its limit", { code: "ERR_FR_MAX_BODY_LENGTH_EXCEEDED" }],
  ["a proxy that wants credentials", { message: "Proxy response (407) !== 200 when HTTP Tunneling" }],
  ["Deno's unknown scheme", { message: "Url scheme 'ftp' not supported" }],
])("%s: nothing was sent, and no repeat can help", (_name, facts) => {
  expect(verdictOn(fetchFailed(facts))).toBe("never for good");
});

test("a proxy that can't reach the server let nothing through", () => {
  expect(verdictOn(fetchFailed({ message: "Proxy response (502) !== 200 when HTTP Tunneling" }))).toBe("never");
});

test("the stream of a body proves nothing by its error, whatever that says", () => {
  const cause = systemError({ code: "ECONNREFUSED", syscall: "connect" });
  const failed = Object.assign(new Error("the stream failed", { cause }), { name: "BodyStreamError" });
  expect(verdictOn(new TypeError("fetch failed", { cause: failed }))).toBe("unknown");
});

test.each([
  ["undici's ResponseError", (status: number) => ({ statusCode: status, code: "UND_ERR_RESPONSE", headers: {} })],
  ["an SDK's error", (status: number) => ({ status, headers: new Headers() })],
  ["ky's HTTPError", (status: number) => ({ response: { status, headers: new Headers() } })],
  ["axios' error", (status: number) => ({ code: "ERR_BAD_REQUEST", response: { status, headers: {} } })],
])("%s carries an answer, and is judged by its status", (_name, carry) => {
  for (const [status, verdict] of [
    [400, "failed for good"],
    [404, "failed for good"],
    [425, "never"],
    [429, "failed"],
    [500, "failed"],
    [504, "unknown"],
  ] as const) {
    expect(verdictOn(Object.assign(new Error("Response Error"), carry(status)))).toBe(verdict);
  }
  // With a status that is no failure the error is about something else.
  const broken = Object.assign(new Error("terminated"), { status: 200 });
  expect(verdictOn(broken)).toBe("failed");
});

test("a 409 that an error carries is in progress only with a time to come back", () => {
  const conflict = (headers: unknown): Error => Object.assign(new Error("conflict"), { statusCode: 409, headers });
  expect(verdictOn(conflict({}))).toBe("failed for good");
  expect(verdictOn(conflict({ "Retry-After": "1" }))).toBe("failed");
  expect(verdictOn(conflict(new Headers({ "retry-after": "1" })))).toBe("failed");
});

test.each(["cause", "errors", "code", "status", "response", "headers", "name", "message", "syscall"])(
  "an error with a %s that can't be read is one of no known kind",
  (member) => {
    const get = (): never => {
      throw new Error("no");
    };
    expect(errorVerdict(Object.defineProperty(member === "headers" ? { status: 503 } : {}, member, { get }))).toEqual(
      unlistedVerdict,
    );
  },
);
