/** A difference between responses with and without once-again that is meant. */
export interface AllowedDifference {
  /** The names of the frameworks; default all. */
  readonly on?: RegExp;
  /** The handlers: "node/end with a text", and "HEAD node/end with a text". */
  readonly program: RegExp;
  /** The line that `differences` writes of it. */
  readonly difference: RegExp;
  readonly because: string;
}

const half = /a stream that fails|a response that is destroyed|an error after the head/;

export const allowedDifferences: readonly AllowedDifference[] = [
  {
    program: /^(?!HEAD)/,
    difference: /^framing: transfer-encoding: chunked -> content-length$/,
    because:
      "Middleware in front that replaced a method, and web-standard handlers, get a response that is stored, of a known length.",
  },
  {
    on: /^Hono$/,
    program: /^HEAD own\/stream(?:Text|SSE)$/,
    difference: /^framing: transfer-encoding: chunked -> $/,
    because: "The transfer encoding is no part of a stored response, and one to HEAD has no body that has it.",
  },
  {
    on: /^fetch on @hono\/node-server$/,
    program: /^HEAD web\/.*stream/,
    difference: /^(?:header added: content-length: \d|framing: {2}-> content-length$)/,
    because: "The length of a stored response is known. @hono/node-server sends it to HEAD, too.",
  },
  {
    on: /^fetch on @hono\/node-server$/,
    program: /^HEAD web\/an empty text$/,
    difference: /^framing: content-length -> $/,
    because: "An empty body and none are sent alike, with a length of zero; a response to HEAD says no length.",
  },
  {
    program: half,
    difference:
      /^(?:status: .* -> 500|body: |framing: |header added: (?:connection|content-length|content-type|x-powered-by))/,
    because:
      "Half a response says nothing of the outcome. It is a failure, which is stored and answered with a problem.",
  },
  {
    on: /^(?:Hono|fetch on @hono\/node-server)$/,
    program: /^(?:HEAD )?(?:web\/a length|own\/c\.body)$/,
    difference: /^header added: content-type: text\/plain; charset=UTF-8$/,
    because: "@hono/node-server gives a text no default type where its headers were a plain object; ours are not.",
  },
  {
    on: /^Express, compression in front$/,
    program: /an error after the response/,
    difference:
      /^(?:status: none -> 201 Created|header added: |framing: {2}-> transfer-encoding: chunked|body: {2}-> )/,
    because:
      "Express closes the connection before compression writes. The response of the handler is whole, and is sent.",
  },
  {
    on: /^Express, compression behind$/,
    program: /an error after the response/,
    difference: /^(?:status: none -> 500|header added: |framing: {2}-> content-length|body: {2}-> \{"type")/,
    because: "Express closes the connection before compression writes. An operation without a response has failed.",
  },
];

/** Differences that are meant between the responses to a first request and to its repeat. */
export const allowedOnRepeat: readonly AllowedDifference[] = [
  {
    program: /./,
    difference: /^header added: idempotent-replayed: true$/,
    because: "It says that the response is a repeat.",
  },
  {
    program: /^(?!HEAD)/,
    difference: /^framing: transfer-encoding: chunked -> content-length$/,
    because: "A stored response has a known length.",
  },
  {
    program: /^HEAD/,
    difference: /^(?:header missing: content-length: \d+|framing: .* -> )$/,
    because: "The length of a response to HEAD is not that of the stored body, which is empty.",
  },
  {
    program: /cookie/i,
    difference: /^header missing: set-cookie: /,
    because: "Cookies are those of one session, and not stored.",
  },
  {
    program: /trailers/,
    difference: /^(?:header missing: trailer: |trailers: )/,
    because: "Trailers are not stored.",
  },
  {
    program: /early hints|102 Processing/,
    difference: /^early: .* -> $/,
    because: "Informational responses are not stored.",
  },
  {
    program: /phrase|message$/,
    difference: /^status: /,
    because: "The reason phrase is not stored.",
  },
  {
    program: /^(?:HEAD )?own\/streamSSE$/,
    difference: /^header (?:missing|added): connection: /,
    because: "It belongs to the connection.",
  },
  {
    on: /^fetch on srvx$/,
    program: /^web\/a length$/,
    difference: /^framing: content-length -> transfer-encoding: chunked$/,
    because: "srvx sends a length only where its handler gave one. It is not stored.",
  },
];

/** The entry of a list that allows a difference; `undefined` when none does. */
export function reasonFor(
  list: readonly AllowedDifference[],
  subject: string,
  program: string,
  difference: string,
): AllowedDifference | undefined {
  return list.find(
    (allowed) =>
      (allowed.on?.test(subject) ?? true) && allowed.program.test(program) && allowed.difference.test(difference),
  );
}
