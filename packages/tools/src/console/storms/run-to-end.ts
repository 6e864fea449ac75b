import { yieldToEventLoop } from "../../simulator/yield-to-event-loop.ts";

/**
 * Runs a simulation to its end, and lets the process do other work between its steps.
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
    await yieldToEventLoop();
    signal.throwIfAborted();
  }
}
