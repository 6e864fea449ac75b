import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, ServerResponse } from "node:http";
import { createServer as createTlsServer, type Server as TlsServer } from "node:https";
import type { AddressInfo, Socket } from "node:net";
import { CallerConnections, endConnection } from "./caller-connection.ts";
import type { GatewayLimits } from "./gateway-limits.ts";
import type { GatewayOptions } from "./gateway-options.ts";
import { type GatewayService, openService } from "./gateway-service.ts";
import { acceptHttp2 } from "./http2/accept-http2.ts";
import { hasBody } from "./pass-through.ts";
import type { PlaceCounts } from "./places.ts";

/** Where a gateway listens. */
export interface GatewayAddress {
  /** Default "127.0.0.1". */
  readonly host?: string | undefined;
  /** Default 0: any free port. */
  readonly port?: number | undefined;
  /** It speaks HTTPS with this certificate; HTTP without one. */
  readonly tls?: Certificate | undefined;
  /**
   * Whether callers may speak HTTP/2 at the same port: with TLS by ALPN, without it by beginning with HTTP/2's preface (prior
   * knowledge, RFC 9113, section 3.3). Default `false`.
   */
  readonly http2?: boolean | undefined;
}

/** A server's own certificate and its key, PEM. */
export interface Certificate {
  readonly cert: string;
  readonly key: string;
}

/** A gateway that listens. */
export interface Gateway extends AsyncDisposable {
  readonly url: string;
  /** How full the services behind are, now: for `adminEndpoints`. */
  placeCounts(): readonly PlaceCounts[];
  /**
   * Serves new requests by other options, and with another certificate where it has one; the running ones end by those they
   * began with.
   *
   * @throws OnceAgainError `ONCE_OPTION_INVALID`, `ONCE_UNSAFE_PAIR`: then nothing has changed.
   */
  reload(options: GatewayOptions, tls?: Certificate): void;
  /**
   * Takes no new connections, and resolves when the running requests have ended. One that takes longer than `drainMs` is cut
   * off; a keyed operation that is cut off has an unknown outcome. A second call waits for the same end.
   *
   * @param drainMs milliseconds; default 30,000.
   */
  close(drainMs?: number): Promise<void>;
}

/**
 * Starts a gateway.
 *
 * @throws OnceAgainError `ONCE_OPTION_INVALID`, `ONCE_UNSAFE_PAIR`; what listening throws.
 */
export async function startGateway(
  options: GatewayOptions,
  { host = "127.0.0.1", port = 0, tls, http2 = false }: GatewayAddress = {},
): Promise<Gateway> {
  let isDraining = false;
  let service = openService(options, () => isDraining);
  /** Services that were replaced, while their requests are running. */
  const replaced = new Map<GatewayService, Promise<void>>();
  const upgraded = new Set<Socket>();
  const connections = new CallerConnections();
  // Node asks before it gives a connection away. A request that is served as any other has a body, a key, an offer of
  // HTTP/2, or others before it.
  const shouldUpgradeCallback = (request: IncomingMessage): boolean =>
    !(connections.isBusy(request.socket) || service.keys(request) || hasBody(request) || asksForHttp2(request));
  const { server, secureServer } = createServers(shouldUpgradeCallback, service.limits, tls, http2);
  const connected = tls === undefined ? "connection" : "secureConnection";
  const http2Callers = http2 ? acceptHttp2(server, connected, connections, () => service.limits) : undefined;
  if (!http2) server.on(connected, (socket: Socket) => connections.add(socket));
  // Beneath TLS there is a connection that can fail, too.
  if (tls !== undefined) server.on("connection", (socket: Socket) => socket.on("error", () => undefined));
  server.on("clientError", (error: NodeJS.ErrnoException, socket: Socket) => connections.refuse(socket, error));
  const serve = (request: IncomingMessage, response: ServerResponse): void => {
    // Node loses what came in one packet behind an upgrade that it declines. A closed connection says so.
    if (request.headers.upgrade !== undefined) response.shouldKeepAlive = false;
    connections.serve(request, response, () => service.serve(request, response));
  };
  server.on("request", serve).on("checkContinue", serve).on("checkExpectation", serve);
  server.on("upgrade", (request: IncomingMessage, socket: Socket, head: Buffer) => {
    const response = responseOn(request, socket);
    if (response === undefined) return void socket.destroy();
    upgraded.add(socket);
    socket.once("close", () => upgraded.delete(socket));
    connections.serve(request, response, () => service.serve(request, response, { socket, head }));
  });
  server.listen(port, host);
  await once(server, "listening");
  const { address, family, port: boundPort } = server.address() as AddressInfo;

  const end = async (drainMs: number): Promise<void> => {
    isDraining = true;
    const late = Promise.withResolvers<void>();
    const timer = setTimeout(late.resolve, drainMs);
    http2Callers?.close();
    const over = Promise.withResolvers<void>();
    let overTimer: NodeJS.Timeout | undefined;
    void late.promise.then(() => {
      http2Callers?.destroy();
      for (const one of [service, ...replaced.keys()]) one.cut();
      overTimer = setTimeout(over.resolve, cutMsMax);
    });
    const drained = drain(server, upgraded, late.promise);
    const settled = Promise.all([service.close(), ...replaced.values()]);
    await Promise.all([drained, Promise.race([settled, over.promise])]);
    clearTimeout(timer);
    clearTimeout(overTimer);
  };
  let ended: Promise<void> | undefined;
  const close = (drainMs = 30_000): Promise<void> => (ended ??= end(drainMs));
  return {
    url: `${tls === undefined ? "http" : "https"}://${family === "IPv6" ? `[${address}]` : address}:${boundPort}`,
    placeCounts: () => service.placeCounts(),
    reload(next, certificate) {
      const before = service;
      service = openService(next, () => isDraining);
      boundServer(server, service.limits);
      if (certificate !== undefined) secureServer?.setSecureContext(certificate);
      const closing = before.close();
      replaced.set(before, closing);
      void closing.finally(() => replaced.delete(before));
    },
    close,
    [Symbol.asyncDispose]: () => close(),
  };
}

/** How long operations that were cut off have for their end in the store, milliseconds: three of its calls, by their default. */
const cutMsMax = 15_000;

/** The server, and the same where it speaks TLS. */
function createServers(
  shouldUpgradeCallback: (request: IncomingMessage) => boolean,
  limits: GatewayLimits,
  tls: Certificate | undefined,
  http2: boolean,
): { readonly server: Server; readonly secureServer: TlsServer | undefined } {
  // Node's strict parser refuses what two servers could read in two ways; the gateway says itself what else it refuses, since
  // a response that Node makes is not in the order of the others. Bodies are bounded by silence, not by time.
  const parsing = {
    requireHostHeader: false,
    insecureHTTPParser: false,
    requestTimeout: 0,
    connectionsCheckingInterval: Math.min(30_000, limits.headMs),
    shouldUpgradeCallback,
  };
  const ALPNProtocols = http2 ? ["h2", "http/1.1"] : ["http/1.1"];
  const secureServer = tls && createTlsServer({ ...parsing, ...tls, ALPNProtocols, handshakeTimeout: limits.headMs });
  const server = secureServer ?? createServer(parsing);
  boundServer(server, limits);
  return { server, secureServer };
}

function boundServer(server: Server, { callersMax, headMs }: GatewayLimits): void {
  server.maxConnections = callersMax;
  server.headersTimeout = headMs;
}

/** Whether a request asks for HTTP/2, as some clients do of every server: it is one of HTTP/1.1 all the same. */
function asksForHttp2({ headers }: IncomingMessage): boolean {
  return /\bh2c\b/i.test(headers.upgrade ?? "");
}

/** Node makes no response for an upgrade; one that is refused has one all the same, and is the connection's last. */
function responseOn(request: IncomingMessage, socket: Socket): ServerResponse | undefined {
  const response = new ServerResponse(request);
  try {
    response.assignSocket(socket);
  } catch {
    // Node refuses a connection as long as its last response is not sent.
    return undefined;
  }
  response.shouldKeepAlive = false;
  response.once("finish", () => endConnection(socket));
  return response;
}

/** Resolves when every connection has ended; those that are late are cut off. */
async function drain(server: Server, upgraded: ReadonlySet<Socket>, late: Promise<void>): Promise<void> {
  const closed = once(server, "close");
  server.close();
  // A connection that was busy is idle when its response has gone out, and Node emits nothing then.
  const idle = setInterval(() => server.closeIdleConnections(), 50);
  void late.then(() => {
    server.closeAllConnections();
    for (const socket of upgraded) socket.destroy();
  });
  await closed;
  clearInterval(idle);
}
