import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { connect as connectByTls } from "node:tls";
import { resetConnection } from "../../../packages/testing/src/reset-connection.ts";
import type { ConnectionShape } from "./connection-shapes.ts";

/** One side of a connection. */
export interface RawConnection {
  readonly socket: Socket;
  /** Leaves it: by a reset, by closing both directions, or by closing its own only. */
  leave(by: "reset" | "close" | "end"): void;
}

/** Opens a connection to a URL's host; by TLS without a look at the certificate, for https. */
export async function openConnection(url: string): Promise<RawConnection> {
  const { protocol, hostname, port } = new URL(url);
  const plain = connect({ host: hostname, port: Number(port), allowHalfOpen: true });
  plain.on("error", () => undefined);
  await once(plain, "connect");
  const socket = protocol === "https:" ? connectByTls({ socket: plain, rejectUnauthorized: false }) : plain;
  if (socket !== plain) await once(socket, "secureConnect");
  socket.on("error", () => undefined);
  return {
    socket,
    leave(by) {
      if (by === "end") socket.end();
      else if (by === "close") socket.destroy();
      else resetConnection(socket);
    },
  };
}

/** How long a shape that stays is waited for, milliseconds: a connection may rightly be left open. */
const staysMs = 200;

/**
 * Sends the bytes of a shape, leaves as it says, and returns what came back.
 *
 * @param asked resolves when the service is asked for something.
 */
export async function playShape(url: string, shape: ConnectionShape, asked: () => Promise<unknown>): Promise<string> {
  const { bytes, leaving } = shape;
  const isAsked = asked();
  const { socket, leave } = await openConnection(url);
  let text = "";
  socket.on("data", (chunk: Buffer) => (text += chunk.toString("latin1")));
  const closed = new Promise((resolve) => socket.once("close", resolve));
  socket.once("end", () => socket.end());
  const over = new Promise((resolve) => setTimeout(resolve, staysMs));
  socket.write(bytes, "latin1");
  if (leaving.when === "when the service is asked") await Promise.race([isAsked, over, closed]);
  if (leaving.when === "stays") await Promise.race([closed, over]);
  leave(leaving.by);
  if (leaving.by === "end") await Promise.race([closed, over]);
  socket.destroy();
  await closed;
  return text;
}
