import type { IncomingMessage, Server } from "node:http";
import type { Socket } from "node:net";
import { headerPairs } from "./forward-headers.ts";

/** Whether a request asks for HTTP/2, as some clients do of every server: it is one of HTTP/1.1 all the same. */
export function asksForHttp2({ headers }: IncomingMessage): boolean {
  return /\bh2c\b/i.test(headers.upgrade ?? "");
}

/**
 * Serves a request as if it did not ask for an upgrade, which a server is free to (RFC 9110, section 7.8). Node tells of
 * it when it has given the connection away: it is given back, with the request as it was read, but for that header.
 */
export function serveWithoutUpgrade(server: Server, request: IncomingMessage, socket: Socket, head: Buffer): void {
  const { method, url, httpVersion, rawHeaders } = request;
  const kept = headerPairs(rawHeaders).filter(([name]) => name.toLowerCase() !== "upgrade");
  const lines = [`${method} ${url} HTTP/${httpVersion}`, ...kept.map(([name, value]) => `${name}: ${value}`)];
  socket.unshift(Buffer.concat([Buffer.from(`${lines.join("\r\n")}\r\n\r\n`, "latin1"), head]));
  server.emit("connection", socket);
}
