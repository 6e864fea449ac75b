import type { Server } from "node:http";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import type { TLSSocket } from "node:tls";
import type { CallerConnections } from "../caller-connection.ts";
import type { GatewayLimits } from "../gateway-limits.ts";
import { Http2Callers } from "./http2-callers.ts";

/** Callers of a server that speak HTTP/2, and those that have not said yet what they speak. */
export interface AcceptedCallers {
  /** Takes no new streams: the running ones end, and each connection with its last one. */
  close(): void;
  /** Cuts off what is left. */
  destroy(): void;
}

/**
 * Has the connections of a server speak either version of HTTP: with TLS by ALPN, without it by their first bytes. Each
 * stream of HTTP/2 is served by the same server, as a connection of HTTP/1.1 within this process.
 *
 * @param connected the event of a server with TLS, or without it.
 * @param limits those in force now.
 */
export function acceptHttp2(
  server: Server,
  connected: "connection" | "secureConnection",
  connections: CallerConnections,
  limits: () => GatewayLimits,
): AcceptedCallers {
  // Node's own listener, which reads HTTP/1.1.
  const [readHttp1] = server.listeners(connected) as ((connection: Duplex) => void)[];
  server.removeAllListeners(connected);
  const speakHttp1 = (connection: Duplex): void => readHttp1!.call(server, connection);
  const callers = new Http2Callers((connection) => {
    connections.add(connection as Socket);
    speakHttp1(connection);
  }, limits);
  const undecided = new Set<Socket>();
  const decide = (socket: Socket): void => {
    undecided.add(socket);
    chooseProtocol(socket, limits().headMs, (choice) => {
      undecided.delete(socket);
      if (choice === "HTTP/2") callers.add(socket);
      else if (choice === "HTTP/1.1") speakHttp1(socket);
      else if (choice === "late")
        connections.refuse(socket, { name: "", message: "", code: "ERR_HTTP_REQUEST_TIMEOUT" });
      else socket.destroy();
    });
  };
  server.on(connected, (socket: Socket) => {
    connections.add(socket);
    if (connected === "connection") decide(socket);
    else if ((socket as TLSSocket).alpnProtocol === "h2") callers.add(socket);
    else speakHttp1(socket);
  });
  return {
    close() {
      for (const socket of undecided) socket.destroy();
      callers.close();
    },
    destroy: () => callers.destroy(),
  };
}

/** The bytes by which a connection says that it speaks HTTP/2 (RFC 9113, section 3.4). */
const preface = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");

type ProtocolChoice = "HTTP/1.1" | "HTTP/2" | "late" | "left";

/** Finds out by its first bytes what a connection speaks. They are still to be read from it when `chosen` is called. */
function chooseProtocol(socket: Socket, waitMs: number, chosen: (choice: ProtocolChoice) => void): void {
  let bytes: Buffer = Buffer.alloc(0);
  const choose = (choice: ProtocolChoice): void => {
    clearTimeout(timer);
    socket.off("readable", read).off("end", leave).off("close", leave);
    if (bytes.length > 0 && choice !== "left") socket.unshift(bytes);
    chosen(choice);
  };
  const leave = (): void => choose("left");
  const read = (): void => {
    const chunk = socket.read() as Buffer | null;
    if (chunk === null) return;
    bytes = Buffer.concat([bytes, chunk]);
    const length = Math.min(bytes.length, preface.length);
    const isPreface = preface.compare(bytes, 0, length, 0, length) === 0;
    if (!isPreface) choose("HTTP/1.1");
    else if (length === preface.length) choose("HTTP/2");
  };
  const timer = setTimeout(choose, waitMs, "late");
  socket.on("readable", read).on("end", leave).on("close", leave);
}
