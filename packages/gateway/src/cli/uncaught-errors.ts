import process from "node:process";
import { exitCodes } from "once-again/internal/command";

/** Longer than running requests have to end, milliseconds. */
const endMsMax = 40_000;

/** A handler of uncaught errors. */
export interface UncaughtErrors extends Disposable {
  /** Aborts after the first such error: take no new connections, and let running requests end. */
  readonly signal: AbortSignal;
}

/**
 * Has a process end in good order after an error that nothing caught, with exit code 1: no state can be trusted after one,
 * but operations that are under way would have unknown outcomes if it ended at once. Whatever starts the gateway starts it
 * anew. A process that does not end within 40 s of its `signal` is ended.
 */
export function uncaughtErrors(say: (message: string) => void): UncaughtErrors {
  const ending = new AbortController();
  const onUncaught = (error: unknown): void => {
    process.exitCode = exitCodes.bad;
    say(`An error that nothing caught ends this process: ${(error as Error | undefined)?.stack ?? String(error)}`);
    if (ending.signal.aborted) return;
    setTimeout(() => process.exit(exitCodes.bad), endMsMax).unref();
    ending.abort();
  };
  process.on("uncaughtException", onUncaught);
  return { signal: ending.signal, [Symbol.dispose]: () => void process.off("uncaughtException", onUncaught) };
}
