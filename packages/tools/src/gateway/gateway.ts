import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, ServerResponse } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo, Socket } from "node:net";
import type { GatewayOptions } from "./gateway-options.ts";
import { openService } from "./gateway-service.ts";
import { hasBody } from "./pass-through.ts";
import { asksForHttp2, serveWithoutUpgrade } from "./upgrade.ts";

/** Where a gateway listens. */
export interface GatewayAddress {
  /** Default "127.0.0.1". */
  readonly host?: string | undefined;
  /** Default 0: any free port. */
  readonly port?: number | undefined;
  /** It speaks HTTPS with this certificate; HTTP without one. */
  readonly tls?: Certificate | undefined;
}

/** A server's own certificate and its key, PEM. */
export interface Certificate {
  readonly cert: string;
  readonly key: string;
}

/** A gateway that listens. */
export interface Gateway extends AsyncDisposable {
  readonly url: string;
  /**
   * Serves new requests by other options, and with another certificate where it has one; the running ones end by those they
   * began with.
   *
   * @throws OnceAgainError `ONCE_OPTION_INVALID`, `ONCE_UNSAFE_PAIR`: then nothing has changed.
   */
  reload(options: GatewayOptions, tls?: Certificate): void;
  /**
   * Takes no new connections, and resolves when the running requests have ended. What takes longer than `drainMs` is cut
   * off: a keyed operation that is cut off is found as one whose outcome is unknown. Called again, it waits for the same
   * end.
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
  { host = "127.0.0.1", port = 0, tls }: GatewayAddress = {},
): Promise<Gateway> {
  let isDraining = false;
  let service = openService(options, () => isDraining);
  /** Services whose options were replaced, and whose requests are running. */
  const replaced = new Set<Promise<void>>();
  const upgraded = new Set<Socket>();

  // Node's strict parser refuses what two servers could read in two ways. Bodies are bounded by silence, not by time.
  const parsing = { requireHostHeader: true, insecureHTTPParser: false, requestTimeout: 0 };
  const secureServer = tls && createTlsServer({ ...parsing, ...tls });
  const server: Server = secureServer ?? createServer(parsing);
  const serve = (request: IncomingMessage, response: ServerResponse): void => service.serve(request, response);
  server.on("request", serve).on("checkContinue", serve);
  server.on("upgrade", (request: IncomingMessage, socket: Socket, head: Buffer) => {
    if (service.keys(request) || hasBody(request) || asksForHttp2(request)) {
      return serveWithoutUpgrade(server, request, socket, head);
    }
    upgraded.add(socket);
    socket.once("close", () => upgraded.delete(socket));
    service.serve(request, responseOn(request, socket), { socket, head });
  });
  server.listen(port, host);
  await once(server, "listening");
  const { address, family, port: boundPort } = server.address() as AddressInfo;

  const end = async (drainMs: number): Promise<void> => {
    isDraining = true;
    const late = Promise.withResolvers<void>();
    const timer = setTimeout(late.resolve, drainMs);
    const drained = drain(server, upgraded, late.promise);
    const settled = Promise.all([service.close(), ...replaced]);
    await Promise.all([drained, Promise.race([settled, late.promise])]);
    clearTimeout(timer);
  };
  let ended: Promise<void> | undefined;
  const close = (drainMs = 30_000): Promise<void> => (ended ??= end(drainMs));
  return {
    url: `${tls === undefined ? "http" : "https"}://${family === "IPv6" ? `[${address}]` : address}:${boundPort}`,
    reload(next, certificate) {
      const before = service;
      service = openService(next, () => isDraining);
      if (certificate !== undefined) secureServer?.setSecureContext(certificate);
      const closing = before.close();
      replaced.add(closing);
      void closing.finally(() => replaced.delete(closing));
    },
    close,
    [Symbol.asyncDispose]: () => close(),
  };
}

/** Node makes no response for an upgrade; one that is refused has one all the same, and is the connection's last. */
function responseOn(request: IncomingMessage, socket: Socket): ServerResponse {
  const response = new ServerResponse(request);
  response.assignSocket(socket);
  response.shouldKeepAlive = false;
  response.once("finish", () => socket.end());
  return response;
}

/** Resolves when every connection has ended; those that are late are cut off. */
async function drain(server: Server, upgraded: ReadonlySet<Socket>, late: Promise<void>): Promise<void> {
  const closed = once(server, "close");
  server.close();
  // A connection that was busy is idle when its answer has gone out, and nobody tells us so.
  const idle = setInterval(() => server.closeIdleConnections(), 50);
  void late.then(() => {
    server.closeAllConnections();
    for (const socket of upgraded) socket.destroy();
  });
  await closed;
  clearInterval(idle);
}
