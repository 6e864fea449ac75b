import { connect, type Socket } from "node:net";
import { onTestFinished } from "vitest";

/** A connection that speaks HTTP by hand. */
export function dial(url: string): { socket: Socket; heard(): string } {
  const { port } = new URL(url);
  const socket = connect(Number(port), "127.0.0.1");
  onTestFinished(() => void socket.destroy());
  let heard = "";
  socket.on("data", (chunk) => (heard += chunk.toString("latin1")));
  socket.on("error", () => undefined);
  return { socket, heard: () => heard };
}
