import type { TlsOptions } from "node:tls";
import type { Certificates } from "../support/certificates.ts";
import type { Connection, Treatment } from "./origin.ts";

/** One way for a POST to go wrong. */
export interface Case {
  /** The verdict on the error of Node's `fetch`; a pattern where that is a matter of timing. */
  readonly verdict: "never" | "never for good" | "failed" | "unknown" | RegExp;
  /** Whether the server sees the request, or at least its beginning. */
  readonly arrives: boolean;
  readonly scheme?: "https";
  /** Which host the URL names; default 127.0.0.1. */
  readonly host?: string;
  /** The server's treatment of a connection; without it, no server listens. */
  readonly treat?: Treatment;
  /** The server speaks TLS, with this certificate. */
  readonly tls?: (certificates: Certificates) => TlsOptions;
  /** The request's body is this much longer. */
  readonly fillerBytes?: number;
  /** The caller waits no longer than this. */
  readonly timeoutMs?: number;
  /** A GET goes before it, on the same connection where the caller keeps it. */
  readonly warm?: true;
}

const end = ({ socket }: Connection): void => void socket.end();
const reset = ({ transport }: Connection): void => void transport.resetAndDestroy();
const silence = (): void => undefined;
/** Bytes that are still on their way are lost when a connection is reset at once. */
const resetSoon = (connection: Connection): void => void setTimeout(() => reset(connection), 50);

/** Answers with these bytes when the whole request has come, and then does this. */
function answer(bytes: string, then: (connection: Connection) => void = end): Treatment {
  return async (connection) => {
    await connection.request;
    connection.socket.write(bytes, () => then(connection));
  };
}

/** Sends bytes past the TLS of the connection when the whole request has come. */
function forge(bytes: string): Treatment {
  return answer("", ({ transport }) => void transport.write(Buffer.from(bytes, "latin1")));
}

const nonsense = "neither TLS nor HTTP\r\n\r\n";
/** The head of a TLS record that claims to carry 32 bytes of application data. */
const recordHead = "\u0017\u0003\u0003\u0000\u0020";
const head = "HTTP/1.1 200 OK\r\naccess-control-allow-origin: *\r\n";
const good = (certificates: Certificates): TlsOptions => certificates.good;

const connecting = {
  "the name has no address": { verdict: "never", arrives: false, host: "nowhere.invalid" },
  "the connection is refused": { verdict: "never", arrives: false },
  // A runtime may find the reset while it still connects.
  "it is reset before the request is read": { verdict: /^(never|unknown)$/, arrives: false, treat: reset },
} as const satisfies Record<string, Case>;

const asking = {
  "it is reset while the body is sent": {
    verdict: "unknown",
    arrives: true,
    fillerBytes: 16_000_000,
    async treat(connection) {
      await connection.head;
      reset(connection);
    },
  },
  "it is reset after the request": { verdict: "unknown", arrives: true, treat: answer("", reset) },
  "it is closed after the request": { verdict: "unknown", arrives: true, treat: answer("") },
  "a pooled connection is reset after the request": {
    verdict: "unknown",
    arrives: true,
    warm: true,
    async treat(connection) {
      if ((await connection.head) === "GET") connection.socket.write(`${head}content-length: 0\r\n\r\n`);
      await connection.request;
      reset(connection);
    },
  },
  "no answer comes in time": { verdict: "unknown", arrives: true, treat: silence, timeoutMs: 300 },
} as const satisfies Record<string, Case>;

const answering = {
  "half a status line": { verdict: "unknown", arrives: true, treat: answer("HTTP/1.1 2") },
  "half a head": { verdict: "unknown", arrives: true, treat: answer(`${head}content-le`) },
  "no HTTP": { verdict: "unknown", arrives: true, treat: answer(nonsense) },
  "a malformed header": { verdict: "unknown", arrives: true, treat: answer(`${head}bad header\u0000: 1\r\n\r\n`) },
  "less body than announced": {
    verdict: "failed",
    arrives: true,
    treat: answer(`${head}content-length: 9\r\n\r\nhalf`),
  },
  "it is reset within the body": {
    verdict: "failed",
    arrives: true,
    treat: answer(`${head}content-length: 9\r\n\r\nhalf`, resetSoon),
  },
  "a chunked body without an end": {
    verdict: "failed",
    arrives: true,
    treat: answer(`${head}transfer-encoding: chunked\r\n\r\n4\r\nhalf\r\n`),
  },
  "a broken chunk": {
    verdict: "failed",
    arrives: true,
    treat: answer(`${head}transfer-encoding: chunked\r\n\r\n4\r\nhalf\r\nno length\r\n`),
  },
  "a body that stops coming": {
    verdict: "unknown",
    arrives: true,
    treat: answer(`${head}content-length: 9\r\n\r\nhalf`, silence),
    timeoutMs: 300,
  },
} as const satisfies Record<string, Case>;

const shakingHands = {
  "plain HTTP where TLS is spoken": { verdict: "unknown", arrives: false, treat: silence, tls: good },
  "TLS where plain HTTP is spoken": {
    verdict: "never for good",
    arrives: false,
    scheme: "https",
    treat: ({ socket }) => void socket.once("data", () => socket.end("HTTP/1.1 400 Bad Request\r\n\r\n")),
  },
  "TLS is closed within the handshake": {
    verdict: "never",
    arrives: false,
    scheme: "https",
    treat: ({ socket }) => void socket.once("data", () => socket.end()),
  },
  "TLS is reset within the handshake": {
    verdict: "unknown",
    arrives: false,
    scheme: "https",
    treat: (connection) => void connection.socket.once("data", () => reset(connection)),
  },
  "TLS without a common version": {
    verdict: "never for good",
    arrives: false,
    scheme: "https",
    treat: silence,
    tls: (all) => ({ ...all.good, minVersion: "TLSv1", maxVersion: "TLSv1.1", ciphers: "ALL:@SECLEVEL=0" }),
  },
  "TLS without a common cipher": {
    verdict: "never for good",
    arrives: false,
    scheme: "https",
    treat: silence,
    tls: (all) => ({ ...all.good, maxVersion: "TLSv1.2", ciphers: "ECDHE-ECDSA-AES128-CCM8:@SECLEVEL=0" }),
  },
  "a certificate of the client is missing": {
    // In TLS 1.3 the client has sent its request when the alert comes.
    verdict: "unknown",
    arrives: false,
    scheme: "https",
    treat: silence,
    tls: (all) => ({ ...all.good, ca: all.ca, requestCert: true }),
  },
  "a self-signed certificate": {
    verdict: "never for good",
    arrives: false,
    scheme: "https",
    treat: silence,
    tls: (all) => all.selfSigned,
  },
  "a certificate for another host": {
    verdict: "never for good",
    arrives: false,
    scheme: "https",
    treat: silence,
    tls: (all) => all.otherHost,
  },
  "a certificate that has expired": {
    verdict: "never for good",
    arrives: false,
    scheme: "https",
    treat: silence,
    tls: (all) => all.expired,
  },
} as const satisfies Record<string, Case>;

/** Failures of TLS after the request, which look much like those of its handshake. */
const afterHandshake = {
  "TLS is reset after the request": {
    verdict: "unknown",
    arrives: true,
    scheme: "https",
    treat: answer("", reset),
    tls: good,
  },
  "TLS is closed after the request": {
    verdict: "unknown",
    arrives: true,
    scheme: "https",
    treat: answer(""),
    tls: good,
  },
  "nonsense within TLS 1.3": {
    verdict: "unknown",
    arrives: true,
    scheme: "https",
    treat: forge(nonsense),
    tls: good,
    timeoutMs: 500,
  },
  "nonsense within TLS 1.2": {
    verdict: "unknown",
    arrives: true,
    scheme: "https",
    treat: forge(nonsense),
    tls: (all) => ({ ...all.good, maxVersion: "TLSv1.2" }),
    timeoutMs: 500,
  },
  "a forged record": {
    verdict: "unknown",
    arrives: true,
    scheme: "https",
    treat: forge(recordHead + "x".repeat(32)),
    tls: good,
    timeoutMs: 500,
  },
} as const satisfies Record<string, Case>;

/** All failures that can be made to happen on loopback to a caller that sends a POST. */
export const cases = { ...connecting, ...asking, ...answering, ...shakingHands, ...afterHandshake };

export type CaseName = keyof typeof cases;

/** How verdicts differ from those on Node's `fetch`. */
export type Differences = Partial<Record<CaseName, Case["verdict"] | "none">>;

/** Where an error comes without a word on whether an answer had begun. */
export const brokenBodiesAreUnknown: Differences = {
  "less body than announced": "unknown",
  "it is reset within the body": "unknown",
  "a chunked body without an end": "unknown",
  "a broken chunk": "unknown",
};

/** Where an error says no more than that something failed. */
export const everythingIsUnknown = Object.fromEntries(
  Object.keys(cases).map((name) => [name, "unknown"]),
) as Differences;
