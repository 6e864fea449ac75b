import type { Socket } from "node:net";

/**
 * Ends a connection by a reset (RST).
 *
 * Node can't reset a connection under TLS, or one that is already sending its own end: the first throws, the second loses
 * the "close" event. Both are closed. The system resets them when bytes arrive that will not be read.
 */
export function resetConnection(socket: Socket): void {
  if ("encrypted" in socket || socket.writableEnded) socket.destroy();
  else socket.resetAndDestroy();
}
