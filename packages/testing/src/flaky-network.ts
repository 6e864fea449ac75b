import { once } from "node:events";
import { connect, createServer, type AddressInfo, type Socket } from "node:net";
import type { Clock } from "once-again";
import { systemClock } from "once-again/internal";
import type { Exchange, ExchangeEvent, Fault, FaultPlan, Scenario } from "./fault.ts";
import { FlakyConnection } from "./flaky-connection.ts";
import type { RequestHead } from "./request-framing.ts";

/** Where the server listens. */
export interface Upstream {
  readonly port: number;
  /** Default "127.0.0.1". */
  readonly host?: string | undefined;
}

/** The options of a flaky network. */
export interface FlakyNetworkOptions {
  /** The server behind the network. A function is asked for each connection, so that a restarted server can move. */
  readonly upstream: Upstream | (() => Upstream);
  /** Decides the fate of each exchange for which `next` has queued none. Default: all pass. */
  readonly plan?: FaultPlan | undefined;
  /** Called with each later event of an exchange, as it happens. It must not throw. Default: none. */
  readonly onEvent?: ((exchange: Exchange, event: ExchangeEvent) => void) | undefined;
  /** Measures the delays. Default: the machine's clock. */
  readonly clock?: Clock | undefined;
}

/** A network that misbehaves on demand. */
export interface FlakyNetwork {
  /** Where callers connect to, on 127.0.0.1. */
  readonly port: number;
  /** The same as the start of a URL: `http://127.0.0.1:<port>`. */
  readonly url: string;
  /**
   * How many exchanges met each scenario, counted when their fate is decided; and, among them, how many were
   * `broken` by the server itself: it refused the connection, or closed it before the first byte of an answer.
   */
  readonly counts: Readonly<Record<Scenario | "broken", number>>;
  /** Queues the fates of the next exchanges, in the order in which their heads come. They go before the plan. */
  next(...faults: readonly Fault[]): void;
  /** Destroys every connection and stops listening; settles when that is done. */
  close(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

/**
 * Puts a network between HTTP/1.1 callers and a server, in which requests get lost, fail and lose their answers: the
 * three scenarios of {@link Fault}, on demand (`next`) or by a plan (`randomFaults`). It is a TCP proxy that knows where a
 * request begins and ends, and each exchange on a keep-alive connection has its own fate. Neither the caller nor the
 * server needs a change but the port; both may be in any language. Nothing is buffered but one request head of at most
 * 64 KiB per connection: a slow reader slows its writer down.
 *
 * When the server refuses a connection, the caller's is reset. What is not HTTP/1.1 (TLS, HTTP/2, an upgraded
 * connection) passes through without faults. Callers that pipeline (send a request before the last answer is complete) are
 * not served rightly; hardly any does.
 *
 * @example
 * ```ts
 * await using network = await flakyNetwork({ upstream: { port: 3000 } });
 * network.next({ scenario: "lose-answer" });
 * await fetch(`${network.url}/orders`, { method: "POST", body: "…" }); // throws; the order was made
 * ```
 * @throws whatever listening on 127.0.0.1 throws.
 */
export async function flakyNetwork(options: FlakyNetworkOptions): Promise<FlakyNetwork> {
  const { upstream, plan = () => ({ scenario: "pass" }), onEvent = () => undefined, clock = systemClock } = options;
  const counts = { pass: 0, "lose-request": 0, fail: 0, "lose-answer": 0, broken: 0 };
  const queue: Fault[] = [];
  const sockets = new Set<Socket>();
  let exchanges = 0;

  const track = (socket: Socket): Socket => {
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
    return socket;
  };
  const context = {
    clock,
    connect: () => {
      const { port, host = "127.0.0.1" } = typeof upstream === "function" ? upstream() : upstream;
      return track(connect({ port, host, noDelay: true }));
    },
    begin: async (head: RequestHead) => {
      const exchange = { ...head, index: exchanges++ };
      const fault = queue.shift() ?? (await plan(exchange));
      counts[fault.scenario] += 1;
      const notify = (event: ExchangeEvent): void => {
        if (event.type === "broken") counts.broken += 1;
        onEvent(exchange, event);
      };
      return { fault, notify };
    },
  };

  // A caller that has said everything may still listen: hence half-open.
  const server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
    void new FlakyConnection(track(socket), context).carry();
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;

  let closed: Promise<unknown> | undefined;
  const close = async (): Promise<void> => {
    closed ??= once(server.close(), "close");
    for (const socket of sockets) socket.destroy();
    await closed;
  };
  return {
    port,
    url: `http://127.0.0.1:${port}`,
    counts,
    next: (...faults) => void queue.push(...faults),
    close,
    [Symbol.asyncDispose]: close,
  };
}
