import { once } from "node:events";
import { Agent, createServer, request } from "node:http";
import { type AddressInfo, connect, type Socket } from "node:net";
import { text } from "node:stream/consumers";
import { startGateway } from "./run-load.ts";

/** How many times its p99 alone the p99 of a caller may be beside slow callers. */
export const ratioMax = 3;

/** The times of one caller's requests, milliseconds. */
export interface Times {
  readonly count: number;
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
}

export interface UnfairResult {
  readonly slowCallers: number;
  /** Requests of theirs that the gateway refused with 503. */
  readonly refusals: number;
  readonly alone: Times;
  readonly beside: Times;
  /** The breaches of the rules. */
  readonly breaches: readonly string[];
}

export interface UnfairOptions {
  readonly slowCallers: number;
  /** How long the caller sends requests, alone and then beside the slow ones, milliseconds. */
  readonly phaseMs: number;
}

/** How often a slow caller sends a byte, milliseconds. */
const byteEveryMs = 5000;

/** Has one caller send requests, keyed and not in turn, alone and then beside many slow callers of one address. */
export async function runUnfair({ slowCallers, phaseMs }: UnfairOptions): Promise<UnfairResult> {
  await using stack = new AsyncDisposableStack();
  const service = createServer((incoming, response) => {
    incoming.on("error", () => undefined);
    incoming.resume().once("end", () => response.end("fine"));
  });
  service.requestTimeout = 0;
  service.listen(0, "127.0.0.1");
  await once(service, "listening");
  stack.defer(() => {
    service.closeAllConnections();
    service.close();
  });
  const upstream = `http://127.0.0.1:${(service.address() as AddressInfo).port}`;
  const gateway = stack.use(await startGateway(upstream, "sqlite:keys.db", ["--trust-proxy", "loopback"]));
  const agent = new Agent({ keepAlive: true });
  stack.defer(() => agent.destroy());
  const failures = new Map<string, number>();
  const measure = async (): Promise<Times> => {
    const times: number[] = [];
    const endsAt = performance.now() + phaseMs;
    while (performance.now() < endsAt) {
      const startedAt = performance.now();
      const status = await ask(agent, gateway.port, (sent += 1));
      times.push(performance.now() - startedAt);
      if (status !== "200") failures.set(status, (failures.get(status) ?? 0) + 1);
    }
    times.sort((left, right) => left - right);
    const at = (part: number): number => times[Math.floor(part * (times.length - 1))] ?? 0;
    return { count: times.length, p50: at(0.5), p99: at(0.99), max: at(1) };
  };
  let sent = 0;
  const alone = await measure();
  const crowd = startCrowd(gateway.port, slowCallers);
  stack.defer(() => crowd.end());
  await crowd.refused;
  const beside = await measure();
  return {
    slowCallers,
    refusals: crowd.count(),
    alone,
    beside,
    breaches: [
      ...(beside.p99 <= ratioMax * alone.p99 ? [] : [`its p99 is more than ${ratioMax} times what it is alone`]),
      ...[...failures].map(([status, count]) => `${count} of the caller's requests ended with ${status}`),
    ],
  };
}

/** Sends one request of the caller: of three a keyed one. @returns its status, or the code of its failure. */
async function ask(agent: Agent, port: number, number: number): Promise<string> {
  const isKeyed = number % 3 === 0;
  const keyed = { "x-account": "victim", "idempotency-key": `order-${number}`, "content-length": 0 };
  const headers = { "x-forwarded-for": "10.0.0.2", ...(isKeyed ? keyed : {}) };
  const { promise, resolve } = Promise.withResolvers<string>();
  const asked = request({ agent, port, host: "127.0.0.1", method: isKeyed ? "POST" : "GET", headers });
  asked.once("error", ({ code }: NodeJS.ErrnoException) => resolve(String(code)));
  asked.once("response", (response) => {
    text(response).then(
      () => resolve(String(response.statusCode)),
      () => resolve("half a response"),
    );
  });
  asked.end();
  return promise;
}

/** Callers of one address that upload a byte at a time, each again when it is refused. */
function startCrowd(port: number, size: number) {
  const sockets = new Set<Socket>();
  const first = Promise.withResolvers<void>();
  let refusals = 0;
  let isOver = false;
  const begin = (): void => {
    if (isOver) return;
    const socket = connect(port, "127.0.0.1");
    sockets.add(socket);
    const head = ["PUT / HTTP/1.1", "Host: a", "X-Forwarded-For: 10.0.0.1", "Transfer-Encoding: chunked", "", ""];
    socket.write(`${head.join("\r\n")}1\r\na\r\n`);
    const timer = setInterval(() => socket.write("1\r\na\r\n"), byteEveryMs);
    socket.on("error", () => undefined);
    let retryMs = 1000;
    socket.once("data", (bytes) => {
      refusals += 1;
      retryMs = 1000 * Number(/^retry-after: (\d+)/im.exec(bytes.toString("latin1"))?.[1] ?? 1);
      first.resolve();
      socket.destroy();
    });
    socket.once("close", () => {
      clearInterval(timer);
      sockets.delete(socket);
      // As Retry-After says: this is about slow callers, and no flood of connections.
      setTimeout(begin, retryMs);
    });
  };
  for (let started = 0; started < size; started += 1) begin();
  return {
    /** Resolves when all places that one address may have are taken, and the first one was refused. */
    refused: first.promise,
    count: () => refusals,
    end() {
      isOver = true;
      for (const socket of sockets) socket.destroy();
    },
  };
}
