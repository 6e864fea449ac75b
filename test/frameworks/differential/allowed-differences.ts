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
    because: "Middleware in front that replaced a method, and fetch, get a response that is stored, of a known length.",
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

/** The entry that allows a difference; `undefined` when none does. */
export function reasonFor(subject: string, program: string, difference: string): AllowedDifference | undefined {
  return allowedDifferences.find(
    (allowed) =>
      (allowed.on?.test(subject) ?? true) && allowed.program.test(program) && allowed.difference.test(difference),
  );
}
