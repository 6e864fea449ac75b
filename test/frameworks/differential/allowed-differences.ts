/** A difference between responses with and without once-again that is meant. */
export interface AllowedDifference {
  /** The names of the frameworks; default all. */
  readonly on?: RegExp;
  /** The handlers: "node/end with a text". */
  readonly program: RegExp;
  /** The line that `differences` writes of it. */
  readonly difference: RegExp;
  readonly because: string;
}

const half = /a stream that fails|a response that is destroyed|an error after the head/;

export const allowedDifferences: readonly AllowedDifference[] = [
  {
    program: /^/,
    difference: /^framing: transfer-encoding: chunked -> content-length$/,
    because: "A response is stored before its first byte is sent, so its length is known.",
  },
  {
    program: half,
    difference: /^(?:status: .* -> 500|body: |framing: |header added: (?:connection|content-type|x-powered-by))/,
    because:
      "Half a response says nothing of the outcome. It is a failure, which is stored and answered with a problem.",
  },
  {
    program: /^(?:node|own)\/trailers$/,
    difference: /^(?:header missing: trailer|trailers): /,
    because: "Trailers are not stored, and a length leaves no room for them.",
  },
  {
    program: /^node\/a header in Latin-1$/,
    difference: /^header (?:missing|added): x-name: /,
    because: "Node encodes the head as UTF-8 when a text follows in the same write, and as Latin-1 when bytes do.",
  },
  {
    on: /^(?:node:http|Koa|Nest)/,
    program: /that is waited for$/,
    difference: /^(?:status: .* -> none|header missing: |framing: |body: )/,
    because:
      "A handler that waits for the end of its own response gets it when the response is sent, which waits for it.",
  },
  {
    program: /^node\/a socket that is asked$/,
    difference: /^body: true -> false$/,
    because: "The response has no socket before it is sent.",
  },
  {
    on: /^(?:Hono|fetch on @hono\/node-server)$/,
    program: /^(?:web\/a length|own\/c\.body)$/,
    difference: /^header added: content-type: text\/plain; charset=UTF-8$/,
    because: "@hono/node-server gives a text no default type where its headers were a plain object; ours are not.",
  },
];

/** The entry that allows a difference; `undefined` when none does. */
export function reasonFor(subject: string, program: string, difference: string): AllowedDifference | undefined {
  return allowedDifferences.find(
    (allowed) =>
      (allowed.on?.test(subject) ?? true) && allowed.program.test(program) && allowed.difference.test(difference),
  );
}
