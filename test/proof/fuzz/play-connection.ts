import { setTimeout } from "node:timers/promises";
import type { ConnectionPlan } from "./random-connection.ts";
import { openConnection } from "./raw-connection.ts";

/** What came back over a connection. */
export interface PlayedConnection {
  /** Latin-1. */
  readonly text: string;
  /** Whether the other side ended it while the caller was still there. */
  readonly wasClosed: boolean;
  /** Whether the caller waited for what it sent. */
  readonly stayed: boolean;
}

/** How long a caller that stays waits at least, and for a response that it is owed, milliseconds. */
const [staysMs, owedMsMax] = [400, 30_000];

/**
 * Sends what a plan says. A server that does not take the connection has closed it.
 *
 * @param isOwed whether a caller that stays, and has got this text, is owed a response.
 */
export async function playConnection(
  url: string,
  plan: ConnectionPlan,
  isOwed: (text: string) => boolean,
): Promise<PlayedConnection> {
  const connection = await openConnection(url).catch(() => undefined);
  if (connection === undefined) return { text: "", wasClosed: true, stayed: false };
  const { socket, leave } = connection;
  let text = "";
  const state = { wasClosed: false };
  socket.on("data", (chunk: Buffer) => (text += chunk.toString("latin1")));
  const closed = new Promise<void>((resolve) => {
    socket.once("end", resolve).once("close", resolve);
  }).then(() => (state.wasClosed = true));
  for (const [at, piece] of plan.pieces.entries()) {
    if (state.wasClosed) break;
    socket.write(piece);
    if (at < plan.pieces.length - 1) await setTimeout(1);
  }
  await Promise.race([closed, setTimeout(plan.stays ? staysMs : plan.leavesAfterMs)]);
  const givenUpAt = performance.now() + owedMsMax;
  const isWaiting = (): boolean => !state.wasClosed && isOwed(text) && performance.now() < givenUpAt;
  while (plan.stays && isWaiting()) {
    await Promise.race([closed, setTimeout(50)]);
  }
  const result = { text, wasClosed: state.wasClosed, stayed: plan.stays };
  leave(plan.leaving);
  if (plan.leaving === "end") await Promise.race([closed, setTimeout(50)]);
  socket.destroy();
  return result;
}
