import { subscribe, unsubscribe } from "node:diagnostics_channel";
import type { Socket } from "node:net";
import { onTestFinished } from "vitest";

/** The connection of the request that came last to a server of this process, until the running test ends. */
export function lastConnection(): () => Socket | undefined {
  let last: Socket | undefined;
  const note = (message: unknown): void => void (last = (message as { socket: Socket }).socket);
  subscribe("http.server.request.start", note);
  onTestFinished(() => void unsubscribe("http.server.request.start", note));
  return () => last;
}
