import {
  type Evidence,
  failedTransient,
  neverPermanent,
  neverTransient,
  unknownPermanent,
  unknownTransient,
} from "./verdict.ts";

/**
 * One kind of failure and how to know it. A row fits when any of `codes`, `names` and `messages` does; with `syscalls`,
 * the error must also come from one of those system calls.
 */
export interface ErrorRow {
  readonly reason: string;
  readonly evidence: Evidence;
  readonly codes?: RegExp;
  readonly names?: RegExp;
  readonly messages?: RegExp;
  readonly syscalls?: RegExp;
}

/**
 * The failures that are known: Node's (system errors, OpenSSL, HTTP/2), undici's, and the messages of those runtimes
 * that put nothing else into an error. The first row that fits decides. An error without a row is unknown.
 */
export const errorTable: readonly ErrorRow[] = [
  {
    // The stream that a function of the caller's made. Whatever it failed with, bytes of it may have left.
    reason: "the body's own stream failed",
    evidence: unknownTransient,
    names: /^BodyStreamError$/,
  },
  {
    // Permanent ones keep their own row: "redirect count exceeded".
    reason: "the target of a redirect failed",
    evidence: unknownTransient,
    messages: /^The request was answered with a redirect, and its target failed\./,
  },
  {
    reason: "the target of a redirect can't be asked",
    evidence: unknownPermanent,
    messages: /^The request was answered with a redirect, which can't be followed\./,
  },
  {
    reason: "the host's name was not resolved",
    evidence: neverTransient,
    codes: /^(ENOTFOUND|EAI_AGAIN|ENODATA|ESERVFAIL)$/,
  },
  { reason: "the connection was refused", evidence: neverTransient, codes: /^(ECONNREFUSED|ConnectionRefused)$/ },
  {
    reason: "the connection was not established",
    evidence: neverTransient,
    codes: /^(ETIMEDOUT|EHOSTUNREACH|ENETUNREACH|ENETDOWN|EHOSTDOWN|EADDRNOTAVAIL|ECONNRESET)$/,
    syscalls: /^connect$/,
  },
  {
    reason: "the connection was not established in time",
    evidence: neverTransient,
    codes: /^(UND_ERR_CONNECT_TIMEOUT|ERR_SOCKET_CONNECTION_TIMEOUT)$/,
  },
  { reason: "this machine is out of ports or files", evidence: neverTransient, codes: /^(EADDRINUSE|EMFILE)$/ },
  {
    reason: "the proxy was not passed",
    evidence: neverTransient,
    codes: /^UND_ERR_(PRX_TLS|PRX_CONN|SOCKS5\w*)$/,
    messages: /^Proxy response \((?!407\))\d+\) !== 200 when HTTP Tunneling$/,
  },
  {
    reason: "the proxy wants credentials",
    evidence: neverPermanent,
    messages: /^Proxy response \(407\) !== 200 when HTTP Tunneling$/,
  },
  {
    reason: "the certificate was refused",
    evidence: neverPermanent,
    codes:
      /^(CERT_\w+|DEPTH_ZERO_SELF_SIGNED_CERT|SELF_SIGNED_CERT_IN_CHAIN|UNABLE_TO_\w+|ERR_TLS_CERT_ALTNAME_INVALID)$/,
    messages: /invalid peer certificate/,
  },
  {
    // A connection on which nothing but a handshake was sent. EPROTO, Bun's "The TLS handshake failed" and
    // ERR_SSL_WRONG_VERSION_NUMBER prove nothing: nonsense that comes after the request gives them too. OpenSSL's
    // function distinguishes the two: tls_validate_record_header reads the records before a version is agreed on.
    reason: "the TLS handshake failed",
    evidence: neverPermanent,
    messages:
      /tls_validate_record_header:wrong version number|alert (handshake failure|protocol version)|:unsupported protocol/,
  },
  {
    reason: "the TLS handshake failed (Deno)",
    evidence: neverPermanent,
    messages: /client error \(Connect\): received (corrupt message|fatal alert: (HandshakeFailure|ProtocolVersion))/,
  },
  {
    reason: "the connection ended within the TLS handshake",
    evidence: neverTransient,
    messages: /before secure TLS connection was established/,
  },
  {
    // RFC 9113, section 8.7 and RFC 9114, section 4.1.1: the server vouches that it did not process the request.
    reason: "the server did not process the request",
    evidence: neverTransient,
    codes: /^(ERR_HTTP2_GOAWAY_SESSION|ERR_HTTP2_INVALID_SESSION)$/,
    messages: /\b(NGHTTP2_REFUSED_STREAM|H3_REQUEST_REJECTED)\b|received: refused stream before processing/,
  },
  { reason: "the connection failed (Deno)", evidence: neverTransient, messages: /client error \(Connect\)/ },
  {
    reason: "the request is one that can't be sent",
    evidence: neverPermanent,
    codes:
      /^(ERR_INVALID_URL|UND_ERR_INVALID_ARG|UND_ERR_NOT_SUPPORTED|UND_ERR_CLOSED|ERR_BAD_OPTION(_VALUE)?|ERR_NOT_SUPPORT)$/,
    messages: /^(unknown scheme|bad port|Url scheme '.*' not supported|protocol must be http:, https: or s3:)$/,
  },
  {
    // With a status, ERR_BAD_REQUEST is an answer, and is judged by that.
    reason: "the request is one that axios doesn't send",
    evidence: neverPermanent,
    codes: /^(ERR_BAD_REQUEST|ERR_FR_MAX_BODY_LENGTH_EXCEEDED)$/,
  },
  {
    // The server may have done its work before it redirected, or before it sent a response that the caller refuses.
    reason: "the answer is one that the caller doesn't take",
    evidence: unknownPermanent,
    codes: /^(ERR_FR_(TOO_MANY_REDIRECTS|REDIRECTION_FAILURE)|UND_ERR_RES_EXCEEDED_MAX_SIZE)$/,
    messages:
      /^(unexpected redirect|redirect count exceeded|integrity mismatch|URL scheme must be a HTTP\(S\) scheme)$|^(too many content-encodings in response|maxContentLength size of|Fetch failed: (Maximum number of redirects|Encountered redirect|Can not redirect)|TooManyRedirects|UnexpectedRedirect|UnsupportedRedirectProtocol)/,
  },
  {
    reason: "the answer broke off after its status",
    evidence: failedTransient,
    codes: /^UND_ERR_(BODY_TIMEOUT|RES_CONTENT_LENGTH_MISMATCH)$/,
    messages: /^(terminated|aborted|error reading a body from connection)$/,
  },
  {
    reason: "the connection was lost",
    evidence: unknownTransient,
    codes: /^(ECONNRESET|EPIPE|ECONNABORTED|ETIMEDOUT|EHOSTUNREACH|UND_ERR_SOCKET)$/,
    messages: /^(socket hang up|Network connection lost\.)$|client error \(SendRequest\)/,
  },
  {
    reason: "undici's dispatcher was destroyed",
    evidence: unknownPermanent,
    codes: /^UND_ERR_DESTROYED$/,
  },
  {
    reason: "no answer came in time",
    evidence: unknownTransient,
    codes: /^(UND_ERR_HEADERS_TIMEOUT|UND_ERR_ABORTED)$/,
    names: /^TimeoutError$/,
  },
  {
    reason: "the answer was not understood",
    evidence: unknownTransient,
    codes: /^HPE_/,
    names: /^HTTPParserError$/,
  },
  {
    // Not ERR_HTTP2_STREAM_CANCEL: that stream was still waiting for its connection, and the connection's error is the cause.
    reason: "the HTTP/2 stream ended early",
    evidence: unknownTransient,
    codes: /^ERR_HTTP2_(STREAM_ERROR|SESSION_ERROR)$/,
  },
  {
    // Chromium, Safari and Firefox say this of every network failure, and nothing more.
    reason: "the browser does not say what failed",
    evidence: unknownTransient,
    messages: /^(Failed to fetch|Load failed|NetworkError\b)/,
  },
];
