import { once } from "node:events";
import { createServer, type Socket } from "node:net";
import { expect, test } from "vitest";
import { OnceAgainError } from "../core/errors.ts";
import { errorVerdict } from "./error-verdict.ts";

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
  "%s: the system call tells a connection that failed from one that was lost",
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

test("an error that wraps itself comes to an end", () => {
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
