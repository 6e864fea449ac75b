import { setImmediate } from "node:timers/promises";

/** Resolves as soon as something holds, however many turns of the event loop that takes. */
export async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await setImmediate();
}
