import { setTimeout } from "node:timers/promises";

/** Waits for a promise so long at the most, and keeps no timer after that; `undefined` when it takes longer. */
export async function waitAtMost<Value>(awaited: Promise<Value>, msMax: number): Promise<Value | undefined> {
  const waiting = new AbortController();
  try {
    return await Promise.race([awaited, setTimeout(msMax, undefined, { signal: waiting.signal })]);
  } finally {
    waiting.abort();
  }
}
