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
    because: "Middleware in front that replaced a method, and fetch, get a response that is stored, of a known length.",
  },
  {
    program: half,
    difference: /^(?:status: .* -> 500|body: |framing: |header added: (?:connection|content-type|x-powered-by))/,
    because:
      "Half a response says nothing of the outcome. It is a failure, which is stored and answered with a problem.",
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
