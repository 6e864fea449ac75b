import type { Delivery } from "./verdict.ts";

/**
 * One kind of failure and how to know it. A row fits when any of `codes`, `names` and `messages` does; with `syscalls`,
 * the error must also come from one of those system calls.
 */
export interface ErrorRow {
  readonly reason: string;
  readonly delivery: Delivery;
  /** Default `true`. */
  readonly transient?: false;
  readonly codes?: RegExp;
  readonly names?: RegExp;
  readonly messages?: RegExp;
  readonly syscalls?: RegExp;
}

/**
 * The failures that are known: Node's (system errors, OpenSSL, HTTP/2), undici's, and the messages of the runtimes
 * whose errors have nothing else. The first row that fits speaks. What no row fits is unknown.
 */
export const errorTable: readonly ErrorRow[] = [
  {
    reason: "the attempt's time was over",
    delivery: "unknown",
    codes: /^ONCE_(ATTEMPT_TIMEOUT|DEADLINE_EXCEEDED)$/,
  },
  {
    reason: "the host's name was not resolved",
    delivery: "never",
    codes: /^(ENOTFOUND|EAI_AGAIN|ENODATA|ESERVFAIL)$/,
  },
  { reason: "the connection was refused", delivery: "never", codes: /^(ECONNREFUSED|ConnectionRefused)$/ },
  {
    reason: "the connection was not established",
    delivery: "never",
    codes: /^(ETIMEDOUT|EHOSTUNREACH|ENETUNREACH|ENETDOWN|EHOSTDOWN|EADDRNOTAVAIL|ECONNRESET)$/,
    syscalls: /^connect$/,
  },
  {
    reason: "the connection was not established in time",
    delivery: "never",
    codes: /^(UND_ERR_CONNECT_TIMEOUT|ERR_SOCKET_CONNECTION_TIMEOUT)$/,
  },
  { reason: "this machine is out of ports or files", delivery: "never", codes: /^(EADDRINUSE|EMFILE)$/ },
  {
    reason: "the proxy was not passed",
    delivery: "never",
    codes: /^UND_ERR_(PRX_TLS|PRX_CONN|SOCKS5\w*)$/,
  },
  {
    // A connection on which nothing but a handshake was sent. OpenSSL uses EPROTO for later faults too.
    reason: "the certificate or the TLS handshake failed",
    delivery: "never",
    transient: false,
    codes:
      /^(CERT_\w+|DEPTH_ZERO_SELF_SIGNED_CERT|SELF_SIGNED_CERT_IN_CHAIN|UNABLE_TO_\w+|ERR_TLS_CERT_ALTNAME_INVALID|ERR_SSL_WRONG_VERSION_NUMBER)$/,
    messages: /EPROTO.*(wrong version number|handshake|unsupported protocol)|invalid peer certificate/,
  },
  {
    reason: "the connection ended within the TLS handshake",
    delivery: "never",
    messages: /before secure TLS connection was established/,
  },
  {
    // RFC 9113, section 8.7 and RFC 9114, section 4.1.1: the server vouches that it did not process the request.
    reason: "the server did not process the request",
    delivery: "never",
    codes: /^(ERR_HTTP2_GOAWAY_SESSION|ERR_HTTP2_INVALID_SESSION)$/,
    messages: /\b(NGHTTP2_REFUSED_STREAM|H3_REQUEST_REJECTED)\b/,
  },
  { reason: "the connection failed (Deno)", delivery: "never", messages: /client error \(Connect\)/ },
  {
    reason: "the request is one that can't be sent",
    delivery: "never",
    transient: false,
    codes: /^(ERR_INVALID_URL|UND_ERR_INVALID_ARG|UND_ERR_NOT_SUPPORTED|ONCE_BODY_NOT_REPLAYABLE)$/,
    messages: /^(unknown scheme|bad port)$/,
  },
  {
    reason: "the answer broke off after its status",
    delivery: "failed",
    codes: /^UND_ERR_(BODY_TIMEOUT|RES_CONTENT_LENGTH_MISMATCH)$/,
    messages: /^terminated$/,
  },
  {
    reason: "the connection was lost",
    delivery: "unknown",
    codes: /^(ECONNRESET|EPIPE|ECONNABORTED|ETIMEDOUT|EHOSTUNREACH|UND_ERR_SOCKET)$/,
    messages: /^socket hang up$/,
  },
  {
    reason: "no answer came in time",
    delivery: "unknown",
    codes: /^(UND_ERR_HEADERS_TIMEOUT|UND_ERR_ABORTED)$/,
    names: /^TimeoutError$/,
  },
  {
    reason: "the answer was not understood",
    delivery: "unknown",
    codes: /^HPE_/,
    names: /^HTTPParserError$/,
  },
  {
    reason: "the HTTP/2 stream ended early",
    delivery: "unknown",
    codes: /^ERR_HTTP2_(STREAM_ERROR|SESSION_ERROR|STREAM_CANCEL)$/,
  },
  {
    // Chromium, Safari and Firefox say this of every network failure, and nothing more.
    reason: "the browser does not say what failed",
    delivery: "unknown",
    messages: /^(Failed to fetch|Load failed|NetworkError\b)/,
  },
];
