import { Agent as HttpAgent, ClientRequest } from "node:http";
import { Agent as HttpsAgent } from "node:https";
import type { Readable } from "node:stream";
import { Absence, systemClock } from "once-again/internal";
import { Client, type Dispatcher, errors, Pool } from "undici";
import type { GatewayLimits } from "./gateway-limits.ts";
import { Places } from "./places.ts";

/** A request to the upstream. */
export interface UpstreamRequest {
  readonly method: string;
  /** Path and query, or `*`. */
  readonly target: string;
  readonly headers: readonly string[];
  /** How long to wait for its response; default: as the gateway's limits say. */
  readonly waits?: Pick<GatewayLimits, "firstByteMs" | "idleMs"> | undefined;
}

/** Gets the response to a request of the upstream, or its failure. Several such objects may stand around each other. */
export type UpstreamHandler = Required<
  Pick<
    Dispatcher.DispatchHandler,
    "onRequestStart" | "onResponseStart" | "onResponseData" | "onResponseEnd" | "onResponseError"
  >
>;

/** One service behind the gateway. */
export interface Service {
  readonly origin: string;
  readonly places: Places;
}

/** The service behind the gateway, and the connections to it. */
export interface Upstream {
  /** The places at the service of a target. Each request has one, from before it is sent to the end of its response. */
  places(target: string): Places;
  /** For how long the service of a target can't be reached. A request by `request` is noted there by its sender. */
  absence(target: string): Absence;
  /** All services, with their places. */
  readonly services: readonly Service[];
  /** Sends a request on one of the pool's connections; `null`: without a body. */
  dispatch(request: UpstreamRequest & { readonly body: Readable | Buffer | null }, handler: UpstreamHandler): void;
  /** Begins a request on a separate connection, where no pool can carry it: see `needsOwnConnection`. */
  request(request: UpstreamRequest): ClientRequest;
  /** Whether two targets are of one service. */
  isOneService(target: string, other: string): boolean;
  /** Breaks off the requests that are under way; none is sent any more. */
  cut(): void;
  close(): Promise<void>;
}

/**
 * How long an idle connection stays open where the upstream does not say, milliseconds. Shorter than any server's time-out:
 * a request that meets the end of its connection may have been read, and its outcome is unknown.
 */
const keepAliveMs = 1000;

/**
 * Opens the connections to one service. Callers share them, until more comes over one than was asked for. Such a connection is
 * destroyed, but the bytes may come late, behind the request of another caller, who would get them for an answer. So from the
 * first time on each request to this service has a separate connection.
 *
 * @param onUnaskedBytes is called that first time.
 */
export function openUpstream(
  origin: URL,
  limits: GatewayLimits,
  onUnaskedBytes: (service: string) => void = () => undefined,
): Upstream {
  const { protocol, hostname, port, pathname } = origin;
  const isTls = protocol === "https:";
  const openPool = (isShared: boolean): Pool =>
    new Pool(origin.origin, {
      connections: limits.connectionsMax,
      // 0: a connection ends with its response.
      pipelining: isShared ? 1 : 0,
      connectTimeout: limits.connectMs,
      keepAliveTimeout: keepAliveMs,
      factory: (url, options) => new PooledClient(url, options),
    });
  const shared = openPool(true);
  let pool = shared;
  shared.on("disconnect", (_url, _clients, error) => {
    if (pool !== shared || !saysUnaskedBytes(error)) return;
    pool = openPool(false);
    // Requests that it has begun go on to their end.
    shared.close().catch(() => undefined);
    onUnaskedBytes(origin.origin);
  });
  const places = new Places({ max: limits.connectionsMax, waitMs: limits.placeMs, waitingMax: limits.waitingMax });
  const absence = new Absence(systemClock);
  const agent = isTls ? new HttpsAgent() : new HttpAgent();
  const to = { host: hostname.replaceAll(/[[\]]/g, ""), port, servername: hostname, agent };
  // The name in the certificate is the upstream's, whatever `Host` says.
  const tls = { servername: hostname };
  const base = pathname.replace(/\/$/, "");
  const pathOf = (target: string): string => (target === "*" ? target : base + target);
  return {
    places: () => places,
    absence: () => absence,
    services: [{ origin: origin.origin, places }],
    dispatch({ method, target, headers, body, waits }, handler) {
      const { firstByteMs, idleMs } = waits ?? limits;
      const bounds = { headersTimeout: firstByteMs, bodyTimeout: idleMs };
      // undici only reads the list.
      const options = { method, path: pathOf(target), headers: headers as string[], body, ...bounds };
      pool.dispatch(isTls ? { ...options, ...tls } : options, new NotedConnection(handler, absence));
    },
    request({ method, target, headers }) {
      // Not by `request()`: instrumentations replace it, and make an object of headers that are a list.
      return new ClientRequest({ ...to, protocol, method, path: pathOf(target), headers, setHost: false });
    },
    isOneService: () => true,
    cut() {
      places.close();
      agent.destroy();
      for (const one of new Set([shared, pool])) one.destroy(new Error("The gateway ends.")).catch(() => undefined);
    },
    async close() {
      agent.destroy();
      if (!pool.destroyed) await pool.close();
    },
  };
}

/** Whether a connection ended since bytes came that belong to no answer. */
function saysUnaskedBytes(error: Error): boolean {
  return (
    error instanceof errors.HTTPParserError || (error instanceof errors.SocketError && error.message === "bad response")
  );
}

/**
 * One connection of a pool. undici answers `false` to a request that it refuses as it does when it is busy. The pool would
 * wait for "drain", which an idle client never emits, and would not use it again: as many requests as the pool has clients
 * would stop the gateway for all callers.
 */
class PooledClient extends Client {
  override dispatch(options: Dispatcher.DispatchOptions, handler: Dispatcher.DispatchHandler): boolean {
    return super.dispatch(options, handler) || this.stats.size === 0;
  }
}

/** Passes on what a handler gets: the base of those that add something. */
export class HandlerWrapper implements UpstreamHandler {
  protected readonly handler: UpstreamHandler;

  constructor(handler: UpstreamHandler) {
    this.handler = handler;
  }

  onRequestStart(controller: Dispatcher.DispatchController, context: unknown): void {
    this.handler.onRequestStart(controller, context);
  }

  onResponseStart(...args: Parameters<UpstreamHandler["onResponseStart"]>): void {
    this.handler.onResponseStart(...args);
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    this.handler.onResponseData(controller, chunk);
  }

  onResponseEnd(...args: Parameters<UpstreamHandler["onResponseEnd"]>): void {
    this.handler.onResponseEnd(...args);
  }

  onResponseError(controller: Dispatcher.DispatchController, error: Error): void {
    this.handler.onResponseError(controller, error);
  }
}

/**
 * Ends a 304 that says a length: it is that of the answer that it stands for, and no body follows (RFC 9110, section 8.6).
 * undici waits for one, and calls its lack an error.
 */
class LengthOf304 extends HandlerWrapper {
  #status = 0;

  override onResponseStart(...args: Parameters<UpstreamHandler["onResponseStart"]>): void {
    this.#status = args[1];
    this.handler.onResponseStart(...args);
  }

  override onResponseError(controller: Dispatcher.DispatchController, error: Error): void {
    const { code } = error as NodeJS.ErrnoException;
    if (this.#status === 304 && code === "UND_ERR_RES_CONTENT_LENGTH_MISMATCH") {
      this.handler.onResponseEnd(controller, {});
    } else this.handler.onResponseError(controller, error);
  }
}

/** Notes whether the service can be reached: a request that begins has a connection to it. */
class NotedConnection extends LengthOf304 {
  readonly #absence: Absence;
  #hasBegun = false;

  constructor(handler: UpstreamHandler, absence: Absence) {
    super(handler);
    this.#absence = absence;
  }

  override onRequestStart(controller: Dispatcher.DispatchController, context: unknown): void {
    this.#hasBegun = true;
    this.#absence.answered();
    super.onRequestStart(controller, context);
  }

  override onResponseError(controller: Dispatcher.DispatchController, error: Error): void {
    if (!this.#hasBegun && (error as NodeJS.ErrnoException).code !== "UND_ERR_INVALID_ARG") this.#absence.failed();
    super.onResponseError(controller, error);
  }
}
