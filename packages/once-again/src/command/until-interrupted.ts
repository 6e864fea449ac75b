import process from "node:process";

/** On these a command ends in good order; a second one ends the process at once. */
const endingSignals: readonly NodeJS.Signals[] = ["SIGINT", "SIGTERM", "SIGHUP"];

/** Those of a server, for which SIGHUP means something else. */
export const serverSignals: readonly NodeJS.Signals[] = ["SIGINT", "SIGTERM"];

/** Runs `work` with a signal that aborts when a signal asks the process to end. */
export async function runUntilInterrupted<Value>(
  work: (signal: AbortSignal) => Promise<Value>,
  signals = endingSignals,
): Promise<Value> {
  const interrupt = new AbortController();
  const onSignal = (): void => interrupt.abort();
  for (const name of signals) process.once(name, onSignal);
  try {
    return await work(interrupt.signal);
  } finally {
    for (const name of signals) process.off(name, onSignal);
  }
}

/** Resolves when `signal` aborts. */
export function waitForAbort(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
}
