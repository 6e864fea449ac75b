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
    search: "if (!this.#isHandling) this.#settle(response);",
    replace: "this.#settle(response);",
    check: test(answers),
    killedBy: "a handler that throws after it answered has failed",
  },
  {
    guard: "node: half a response is not stored",
    file: "packages/once-again/src/frameworks/capture/response-capture.ts",
    search: "if (response.headersSent) return run.fail(error);",
    replace: "if (response.headersSent) return;",
    check: test("packages/once-again/src/frameworks/express.test.ts"),
    killedBy: "half a response is not stored",
  },
  {
    guard: "node: a second mount claims nothing",
    file: "packages/once-again/src/frameworks/node-adapter.ts",
    search: "if (this.#mountMark === undefined) return",
    replace: "if (this.#mountMark === null) return",
    check: test(mounted),
    killedBy: "onceNode in onceNode",
  },
  {
    guard: "node: the first of two mounts waits for no handler behind the second",
    file: "packages/once-again/src/frameworks/node-adapter.ts",
    search: "if (!failRun(response, error)) this.#capture.send(refusal);",
    replace: "this.#capture.send(refusal);",
    check: test(mounted),
    killedBy: "a controller of Nest and its method",
  },
  {
    guard: "node: a request made of one of Node's is the same request",
    file: "packages/once-again/src/frameworks/double-mount.ts",
    search: "? [incoming] : []",
    replace: "? [] : []",
    check: test(mounted),
    killedBy: "onceFetch behind onceNode, by a listener",
  },
  {
    guard: "node: a request under another key is another one",
    file: "packages/once-again/src/frameworks/double-mount.ts",
    search: "incoming?.headers?.[keyHeader.toLowerCase()] === key ? [",
    replace: "incoming ? [",
    check: test(mounted),
    killedBy: "a handler may send new requests",
  },
  {
    guard: "node: a connection keeps its end back while an operation runs",
    file: "packages/once-again/src/frameworks/capture/detached-socket.ts",
    search: "own.holds += 1;",
    replace: "",
    check: test("test/frameworks/streamed-answers.test.ts"),
    killedBy: "by Nest on express, as a StreamableFile",
  },
  {
    guard: "node: headers in front are not the answer's",
    file: "packages/once-again/src/frameworks/capture/response-capture.ts",
    search: "? headersOver(response, this.#headersBefore)",
    replace: "? headersOver(response, undefined)",
    check: test(adapters),
    killedBy: "in front of it, its headers are those of each request",
  },
  {
    guard: "node: a writeHead that middleware in front replaced is called",
    file: "packages/once-again/src/frameworks/capture/detached-exchange.ts",
    search: "&& !writing.some((name) => name in this.#methodsInFront)",
    replace: "",
    check: test("packages/once-again/src/frameworks/capture/response-capture.test.ts"),
    killedBy: "a writeHead that another put in its place finds the headers set",
  },
  {
    guard: "node: a request is on the detached socket, whatever became of the connection",
    file: "packages/once-again/src/frameworks/capture/detached-exchange.ts",
    search: "      request.socket = socket;",
    replace: "",
    check: test("test/frameworks/hang-ups.test.ts"),
    killedBy: "in the turn of the claim",
  },
  {
    guard: "node: a handler that is late goes on with its response",
    file: "packages/once-again/src/frameworks/capture/response-capture.ts",
    search: "if (this.#isHandling && !run.isSettled) {",
    replace: "if (this.#isSentBeside && this.#isHandling && !run.isSettled) {",
    check: test("test/frameworks/late-responses.test.ts"),
    killedBy: "is the result of its key",
  },
  {
    guard: "node: a connection goes on behind a response that was sent beside the handler's",
    file: "packages/once-again/src/frameworks/capture/detached-exchange.ts",
    search: "inFront.callFinish();",
    replace: "",
    check: test("test/frameworks/late-responses.test.ts"),
    killedBy: "the connection of a 504 goes on",
  },
  {
    guard: "Hono: a response in place of a late one stands in front of it",
    file: "packages/once-again/src/frameworks/hono-response.ts",
    search:
      "if (!this.#isRunning) this.#hasEnded = true;\n    else if (!this.isOvertaken) {\n      this.#keepOwn();\n      this.#inFront = new Headers();\n    }",
    replace: "this.#hasEnded = true;",
    check: test("test/frameworks/late-responses.test.ts"),
    killedBy: "is the result of its key",
  },
  {
    guard: "node: a writer waits for the next turn, as for a network",
    file: "packages/once-again/src/frameworks/capture/detached-socket.ts",
    search: "if (isTaken && this.#room > 0) {",
    replace: "if (isTaken) {",
    check: test("test/frameworks/detached.test.ts"),
    killedBy: "waits for drain",
  },
  {
    guard: "node: a response that is too large ends its source",
    file: "packages/once-again/src/frameworks/capture/response-capture.ts",
    search: "return !recorded.isTooLarge;",
    replace: "return true;",
    check: test("packages/once-again/src/frameworks/capture/response-capture.test.ts"),
    killedBy: "larger than may be stored",
  },
  {
    guard: "node: the server finds a response that has not ended while one is stored",
    file: "packages/once-again/src/frameworks/capture/detached-exchange.ts",
    search: "connection._httpMessage = this.#pending;",
    replace: "this.#pending!.finished = true, connection._httpMessage = this.#pending;",
    check: test("test/frameworks/detached.test.ts"),
    killedBy: "server.close()",
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
