import type { Clock } from "../../core/clock.ts";
import { type Attempt, type Operation, type Outcome, settle } from "../attempt.ts";
import type { IsFailure } from "./failure-predicate.ts";

/** How calls of one operation race each other. */
export interface RacePlan {
  /** When the next one starts, in milliseconds after the one before; `undefined`: there is only one. */
  readonly delayMs: number | undefined;
  readonly hedgesMax: number;
  /** Asked before each further call. */
  readonly mayHedge: () => boolean;
  readonly isFailure: IsFailure;
  readonly clock: Clock;
}

/** The outcome that wins; all the others are cancelled. Never rejects. */
export function race<T>(next: Operation<T>, attempt: Attempt, plan: RacePlan): Promise<Outcome<T>> {
  const { clock, delayMs, isFailure, hedgesMax, mayHedge } = plan;
  const { signal } = attempt;
  if (signal.aborted) return Promise.resolve({ error: signal.reason });
  return new Promise((resolve) => {
    const runners = new Set<AbortController>();
    const losses: Array<{ outcome: Outcome<T>; runner: AbortController }> = [];
    let cancelTimer: (() => void) | undefined;
    const end = (outcome: Outcome<T>, winner?: AbortController): void => {
      cancelTimer?.();
      signal.removeEventListener("abort", onAbort);
      resolve(outcome);
      // Not the winner: its answer may still be read, and its signal would break that off.
      for (const runner of runners)
        if (runner !== winner) runner.abort(signal.aborted ? signal.reason : lostRaceError());
    };
    const fail = (error: unknown): void => end({ error });
    const onAbort = (): void => fail(signal.reason);
    const start = (): void => {
      const runner = new AbortController();
      runners.add(runner);
      settle(next, { ...attempt, signal: runner.signal })
        .then((outcome) => {
          if (runner.signal.aborted) return;
          if (!isFailure(outcome)) return end(outcome, runner);
          losses.push({ outcome, runner });
          if (losses.length === runners.size) end(...lossOf(losses));
        })
        .catch(fail);
      if (delayMs === undefined || runners.size > hedgesMax) return;
      cancelTimer = clock.timer(delayMs, hedge);
    };
    const hedge = (): void => {
      try {
        if (mayHedge()) start();
      } catch (error) {
        fail(error);
      }
    };
    signal.addEventListener("abort", onAbort, { once: true });
    start();
  });
}

/** The outcome of a race without a winner. An error takes precedence over a value: it may leave more open than a response. */
function lossOf<T>(
  losses: ReadonlyArray<{ outcome: Outcome<T>; runner: AbortController }>,
): [Outcome<T>, AbortController?] {
  const errors = losses.flatMap(({ outcome }) => ("error" in outcome ? [outcome.error] : []));
  if (errors.length > 1) return [{ error: new AggregateError(errors, "Every call of a hedged call failed.") }];
  if (errors.length === 1) return [{ error: errors[0] }];
  const last = losses.at(-1)!;
  return [last.outcome, last.runner];
}

function lostRaceError(): DOMException {
  return new DOMException("Another call of the same hedged call was faster.", "AbortError");
}
