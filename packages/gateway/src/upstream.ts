import { Agent as HttpAgent, ClientRequest } from "node:http";
import { Agent as HttpsAgent } from "node:https";
import type { Readable } from "node:stream";
import { Client, type Dispatcher, Pool } from "undici";
import type { GatewayLimits } from "./gateway-limits.ts";

/** A request to the upstream. */
export interface UpstreamRequest {
  readonly method: string;
  /** Path and query, or `*`. */
  readonly target: string;
  readonly headers: readonly string[];
}

/** The service behind the gateway, and the connections to it. */
export interface Upstream {
  /** Sends a request on one of the pool's connections; `null`: without a body. */
  dispatch(
    request: UpstreamRequest & { readonly body: Readable | Buffer | null },
    handler: Dispatcher.DispatchHandler,
  ): void;
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

export function openUpstream(origin: URL, limits: GatewayLimits): Upstream {
  const { protocol, hostname, port, pathname } = origin;
  const isTls = protocol === "https:";
  const pool = new Pool(origin.origin, {
    connections: limits.connectionsMax,
    pipelining: 1,
    connectTimeout: limits.connectMs,
    headersTimeout: limits.firstByteMs,
    bodyTimeout: limits.idleMs,
    keepAliveTimeout: keepAliveMs,
    factory: (url, options) => new PooledClient(url, options),
  });
  const agent = isTls ? new HttpsAgent() : new HttpAgent();
  const to = { host: hostname.replaceAll(/[[\]]/g, ""), port, servername: hostname, agent };
  const base = pathname.replace(/\/$/, "");
  const pathOf = (target: string): string => (target === "*" ? target : base + target);
  return {
    dispatch({ method, target, headers, body }, handler) {
      // The name in the certificate is the upstream's, whatever `Host` says.
      const tls = isTls ? { servername: hostname } : {};
      const options = { method, path: pathOf(target), headers: [...headers], body };
      pool.dispatch({ ...options, ...tls }, acceptLengthOf304(handler));
    },
    request({ method, target, headers }) {
      // Not by `request()`: instrumentations replace it, and make an object of headers that are a list.
      return new ClientRequest({ ...to, protocol, method, path: pathOf(target), headers, setHost: false });
    },
    isOneService: () => true,
    cut() {
      agent.destroy();
      pool.destroy(new Error("The gateway ends.")).catch(() => undefined);
    },
    async close() {
      agent.destroy();
      if (!pool.destroyed) await pool.close();
    },
  };
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

/**
 * Ends a 304 that says a length: it is that of the answer that it stands for, and no body follows (RFC 9110, section 8.6).
 * undici waits for one, and calls its lack an error.
 */
function acceptLengthOf304(handler: Dispatcher.DispatchHandler): Dispatcher.DispatchHandler {
  let status = 0;
  return {
    ...handler,
    onResponseStart(controller, started, headers, reason) {
      status = started;
      handler.onResponseStart?.(controller, started, headers, reason);
    },
    onResponseError(controller, error) {
      const { code } = error as NodeJS.ErrnoException;
      if (status === 304 && code === "UND_ERR_RES_CONTENT_LENGTH_MISMATCH") handler.onResponseEnd?.(controller, {});
      else handler.onResponseError?.(controller, error);
    },
  };
}
