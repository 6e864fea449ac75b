import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { text } from "node:stream/consumers";

/** Opens a connection to the host of a URL. */
export async function dial(url: string): Promise<Socket> {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname);
  await once(socket, "connect");
  socket.on("error", () => undefined);
  return socket;
}

/** Sends bytes over one connection, in Latin-1, and returns all that comes back until it is closed. */
export async function talk(url: string, ...parts: string[]): Promise<string> {
  const socket = await dial(url);
  for (const part of parts) socket.write(part, "latin1");
  // A reset is an end, too.
  return text(socket.setEncoding("latin1")).catch(() => "");
}

/** The statuses of the responses in what came over a connection. */
export const statuses = (heard: string): string[] =>
  [...heard.matchAll(/HTTP\/1\.1 (?<status>\d{3}) /g)].map(({ groups }) => groups!["status"]!);
