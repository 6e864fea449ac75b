import type { Mutant } from "./mutant.ts";

/** The check that a test file is. */
const test = (file: string): Mutant["check"] => ({ kind: "test", file });

const folder = "packages/gateway/src";
const order = test("test/gateway/connection-order.test.ts");
const bounds = test("test/gateway/connection-bounds.test.ts");
const connection = `${folder}/caller-connection.ts`;

/** The guards of the gateway: whatever comes over a connection costs that connection only. */
export const gatewayMutants: readonly Mutant[] = [
  {
    guard: "gateway: requests of a connection are served in turn",
    file: connection,
    search: "if (this.#unanswered.length === 1) one.serve();",
    replace: "one.serve();",
    check: order,
    killedBy: "reach the service one after another",
  },
  {
    guard: "gateway: few requests of a connection wait",
    file: connection,
    search: "if (this.#unanswered.length >= pipelinedMax) return void this.#socket.destroy();",
    replace: "",
    check: order,
    killedBy: "more requests than may wait for their responses close the connection",
  },
  {
    guard: "gateway: what can't be read takes no other request's response",
    file: connection,
    search: "if (owed.length > 0) {",
    replace: "if (owed.length < 0) {",
    check: order,
    killedBy: "garbage behind an operation does not take the place of its response",
  },
  {
    guard: "gateway: a request that undici refuses leaves its connection in use",
    file: `${folder}/upstream.ts`,
    search: "super.dispatch(options, handler) || this.stats.size === 0",
    replace: "super.dispatch(options, handler)",
    check: bounds,
    killedBy: "a request that undici refuses takes none of the connections",
  },
  {
    guard: "gateway: a connection's errors have a listener",
    file: connection,
    search: 'socket.on("error", () => undefined);',
    replace: "",
    check: test("test/gateway/hostile-connections.test.ts"),
    killedBy: "whatever comes over a connection costs that connection only: one process",
  },
  {
    guard: "gateway: an error ends its own request",
    file: `${folder}/contain-errors.ts`,
    search: "fail(error);",
    replace: "throw error;",
    check: order,
    killedBy: "an error in serving one request ends that request alone",
  },
  {
    guard: "gateway: an upgrade behind another request is declined",
    file: `${folder}/gateway.ts`,
    search: "!(connections.isBusy(request.socket) || ",
    replace: "!(",
    check: order,
    killedBy: "an upgrade behind an operation does not take the place of its response",
  },
  {
    guard: "gateway: a declined upgrade closes its connection",
    file: `${folder}/gateway.ts`,
    search: "if (request.headers.upgrade !== undefined) response.shouldKeepAlive = false;",
    replace: "",
    check: order,
    killedBy: "a declined upgrade closes its connection",
  },
  {
    guard: "gateway: a head has its time",
    file: `${folder}/gateway.ts`,
    search: "server.headersTimeout = headMs;",
    replace: "server.headersTimeout = 0 * headMs;",
    check: bounds,
    killedBy: "a connection that sends nothing is closed when its time is over",
  },
  {
    guard: "gateway: connections of callers are bounded",
    file: `${folder}/gateway.ts`,
    search: "server.maxConnections = callersMax;",
    replace: "server.maxConnections = callersMax + 1;",
    check: bounds,
    killedBy: "a connection beyond callersMax is closed",
  },
  {
    guard: "gateway: trailers are announced with chunks only",
    file: `${folder}/raw-connection.ts`,
    search: 'return headers.trailer !== undefined && headers["transfer-encoding"] !== undefined;',
    replace: "return headers.trailer !== undefined;",
    check: bounds,
    killedBy: "an announcement of trailers goes with a body that can have them only",
  },
  {
    guard: "gateway: trailers that count only in a head are dropped",
    file: `${folder}/forward-trailers.ts`,
    search: "return !isProtected && ",
    replace: "return (isProtected || true) && ",
    check: bounds,
    killedBy: "trailers that count only in a head are not passed on",
  },
  {
    guard: "gateway: bodies of keyed requests share a bound",
    file: `${folder}/body-memory.ts`,
    search: "if (this.#used + bytes > this.#bytesMax) return false;",
    replace: "",
    check: bounds,
    killedBy: "keyed bodies that would take more than bodiesBytesMax are refused",
  },
  {
    guard: "gateway: a stored response that is not read is cut",
    file: `${folder}/pass-through.ts`,
    search: " || (response.writableEnded && !response.writableFinished)",
    replace: "",
    check: bounds,
    killedBy: "a caller who reads nothing of a stored response is cut off",
  },
  {
    guard: "gateway: a body in tiny chunks is paced",
    file: `${folder}/tiny-chunk-pace.ts`,
    search: "holdBack(true);",
    replace: "",
    check: test(`${folder}/tiny-chunk-pace.test.ts`),
    killedBy: "more tiny chunks than its connection may send is held back",
  },
  {
    guard: "gateway: a Connection header is read in linear time",
    file: `${folder}/forward-headers.ts`,
    search: 'value.toLowerCase().split(",")',
    replace: String.raw`value.toLowerCase().split(/\s*,\s*/)`,
    check: test(`${folder}/forward-headers.test.ts`),
    killedBy: "a Connection header with many spaces is read in linear time",
  },
  {
    guard: "gateway: an error that nothing caught lets operations end",
    file: "packages/gateway/src/cli/uncaught-errors.ts",
    search: "ending.abort();",
    replace: "process.exit(exitCodes.bad);",
    check: test("packages/gateway/src/cli/deaths.test.ts"),
    killedBy: "ends the process when its running operations have ended",
  },
  {
    guard: "gateway: workers accept their own connections",
    file: "packages/gateway/src/cli/workers.ts",
    search: "cluster.schedulingPolicy = cluster.SCHED_NONE;",
    replace: "cluster.schedulingPolicy = cluster.SCHED_RR;",
    check: test("packages/gateway/src/cli/deaths.test.ts"),
    killedBy: "connections of workers that are killed are answered by their successors, or closed",
  },
];
