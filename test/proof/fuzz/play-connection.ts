import { setTimeout } from "node:timers/promises";
import type { ConnectionPlan } from "./random-connection.ts";
import { openConnection } from "./raw-connection.ts";
import { waitMsMax } from "../../support/wait-ms-max.ts";

/** A response that a caller has waited for in vain, over a connection that is open. */
export interface LostResponse {
  /** The request's. */
  readonly id: string;
  /** All that came over the connection, Latin-1. */
  readonly text: string;
}

/** How long a caller that stays waits at least, milliseconds. For a response that it is owed it waits as long as a test does. */
const staysMs = 400;

/**
 * Sends what a plan says. A server that does not take the connection has closed it.
 *
 * @param findOwed the request of which a caller that has got this text is owed the response.
 */
export async function playConnection(
  url: string,
  plan: ConnectionPlan,
  findOwed: (text: string) => string | undefined,
): Promise<LostResponse | undefined> {
  const connection = await openConnection(url).catch(() => undefined);
  if (connection === undefined) return undefined;
  const { socket, leave } = connection;
  let text = "";
  const state = { wasClosed: false };
  if (plan.reads) socket.on("data", (chunk: Buffer) => (text += chunk.toString("latin1")));
  const closed = new Promise<void>((resolve) => {
    socket.once("end", resolve).once("close", resolve);
  }).then(() => (state.wasClosed = true));
  for (const [at, piece] of plan.pieces.entries()) {
    if (state.wasClosed) break;
    socket.write(piece);
    if (at < plan.pieces.length - 1) await setTimeout(1);
  }
  await Promise.race([closed, setTimeout(plan.stays ? staysMs : plan.leavesAfterMs)]);
  const givenUpAt = performance.now() + waitMsMax;
  // Looked at while the connection is open: what is answered after the caller has left is not lost.
  const owed = (): string | undefined => (plan.stays && !state.wasClosed ? findOwed(text) : undefined);
  while (owed() !== undefined && performance.now() < givenUpAt) await Promise.race([closed, setTimeout(50)]);
  const id = owed();
  const lost = id === undefined ? undefined : { id, text };
  leave(plan.leaving);
  if (plan.leaving === "end") await Promise.race([closed, setTimeout(50)]);
  socket.destroy();
  return lost;
}
