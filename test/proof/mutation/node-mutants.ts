import type { Mutant } from "./mutant.ts";

/** The check that a test file is. */
const test = (file: string): Mutant["check"] => ({ kind: "test", file });

const [adapters, answers] = ["test/frameworks/node-adapters.test.ts", "test/frameworks/node-answers.test.ts"];
const mounted = "test/frameworks/mounted-twice.test.ts";

/** The guards of the adapters on Node's HTTP. */
export const nodeMutants: readonly Mutant[] = [
  {
    guard: "node: an answer counts when its handler has ended",
    file: "packages/once-again/src/frameworks/node-adapter.ts",
    search: "(await Promise.all([captured, handled]))[0]",
    replace: "await captured",
    check: test(answers),
    killedBy: "a handler that throws after it answered has failed",
  },
  {
    guard: "node: half an answer is none",
    file: "packages/once-again/src/frameworks/capture-response.ts",
    search: "if (own.hasHead) return own.fail(error);",
    replace: "if (own.hasHead) return;",
    check: test("packages/once-again/src/frameworks/express.test.ts"),
    killedBy: "half an answer is none",
  },
  {
    guard: "node: whoever brought a request goes on before its handler",
    file: "packages/once-again/src/http/once-http.ts",
    search: 'const caller = await (skips ? "" : scopeOf(rules, native));',
    replace:
      'const named = skips ? "" : scopeOf(rules, native);\n  const caller = isPromise(named) ? await named : named;',
    check: test("packages/once-again/src/frameworks/node.test.ts"),
    killedBy: "whoever listens to the end of an answer right behind us",
  },
  {
    guard: "node: a second mount claims nothing",
    file: "packages/once-again/src/frameworks/node-adapter.ts",
    search: "if (passage === undefined) return",
    replace: "if (passage === null) return",
    check: test(mounted),
    killedBy: "onceNode in onceNode",
  },
  {
    guard: "node: the first of two mounts waits for no handler behind the second",
    file: "packages/once-again/src/frameworks/node-adapter.ts",
    search: "if (!failRun(response, error)) capture.send(refusal);",
    replace: "capture.send(refusal);",
    check: test(mounted),
    killedBy: "a controller of Nest and its method",
  },
  {
    guard: "node: a request made of one of Node's is the same request",
    file: "packages/once-again/src/frameworks/mounted-twice.ts",
    search: "? [incoming] : []",
    replace: "? [] : []",
    check: test(mounted),
    killedBy: "onceFetch behind onceNode, by a listener",
  },
  {
    guard: "node: a request under a key of its own is another one",
    file: "packages/once-again/src/frameworks/mounted-twice.ts",
    search: "incoming?.headers?.[keyHeader.toLowerCase()] === key ? [",
    replace: "incoming ? [",
    check: test(mounted),
    killedBy: "a handler may send requests of its own",
  },
  {
    guard: "node: a connection keeps its end back while an operation runs",
    file: "packages/once-again/src/frameworks/connection-hold.ts",
    search: "own.holders.push(holder);",
    replace: "",
    check: test("test/frameworks/streamed-answers.test.ts"),
    killedBy: "by Nest on express, as a StreamableFile",
  },
  {
    guard: "node: headers in front are not the answer's",
    file: "packages/once-again/src/frameworks/capture-response.ts",
    search: "const set = headersOver(this, own.headersBefore);",
    replace: "const set = headersOver(this, undefined);",
    check: test(adapters),
    killedBy: "in front of it, its headers are those of each request",
  },
  {
    guard: "node: who replaced writeHead is asked",
    file: "packages/once-again/src/frameworks/capture-response.ts",
    search: "this.writeHead(this.statusCode);",
    replace: "own.hasHead = true;",
    check: test(adapters),
    killedBy: "behind it, what is told of headers on their way is asked",
  },
  {
    guard: "Fastify: its hook of errors ends in the same turn",
    file: "packages/once-again/src/frameworks/fastify.ts",
    search: "recordNoEffect(reply.raw, error);\n      done();",
    replace: "recordNoEffect(reply.raw, error);\n      queueMicrotask(done);",
    check: test("test/frameworks/foreign-time-outs.test.ts"),
    killedBy: "at its signal comes too late",
  },
];
