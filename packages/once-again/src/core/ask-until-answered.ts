import { type Clock, sleep } from "./clock.ts";

/** How to ask until there is an answer. */
export interface AskingRules {
  readonly clock: Clock;
  /** How long to wait before the next try, milliseconds. @param retry 1 after the first failure. */
  readonly pauseMs: (retry: number) => number;
  /** Ends the pause, and the asking after `triesAfterStop` more tries that failed. */
  readonly stop: AbortSignal;
  readonly triesAfterStop: number;
  /** Called with the error of each try that failed. */
  readonly onFailure: (error: unknown) => void;
}

/**
 * Asks for something until it is answered, such as a database that is away.
 *
 * @returns the answer; `undefined` when the asking was stopped before.
 */
export async function askUntilAnswered<Answer>(
  ask: () => Promise<Answer>,
  { clock, pauseMs, stop, triesAfterStop, onFailure }: AskingRules,
): Promise<Answer | undefined> {
  let failuresAfterStop = 0;
  for (let retry = 1; !stop.aborted || failuresAfterStop < triesAfterStop; retry += 1) {
    try {
      return await ask();
    } catch (error) {
      onFailure(error);
    }
    if (stop.aborted) failuresAfterStop += 1;
    if (stop.aborted && failuresAfterStop >= triesAfterStop) break;
    await sleep(clock, pauseMs(retry), stop.aborted ? undefined : stop).catch(() => undefined);
  }
  return undefined;
}
