import { setImmediate } from "node:timers/promises";

/**
 * Plays the steps of a simulation to their end, and lets the process do other things in between.
 *
 * @throws the signal's reason when it aborts; what the simulation throws.
 */
export async function runToEnd<Result>(
  steps: Generator<{ readonly share: number }, Result, void>,
  signal: AbortSignal,
  onShare: (share: number) => void = () => undefined,
): Promise<Result> {
  for (;;) {
    const step = steps.next();
    if (step.done) return step.value;
    onShare(step.value.share);
    await setImmediate();
    signal.throwIfAborted();
  }
}
