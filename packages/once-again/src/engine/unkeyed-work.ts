import { notify } from "../core/events.ts";
import { LazyAbort } from "../core/lazy-abort.ts";
import type { Attempt, Work, WorkResult } from "./engine.ts";
import { operationEndedError } from "./errors.ts";
import { HandlerTimeout } from "./handler-timeout.ts";
import { mustStop } from "./leased-decisions.ts";
import type { CheckedEngineOptions } from "./options.ts";
import { workError } from "./run-result.ts";
import { plainSteps } from "./steps.ts";
import type { StoreDoor } from "./store-door.ts";
import { onlyAttempt, WorkAttempt } from "./work-attempt.ts";

// Leased work that has no key, and so no record: nothing of it outlives it, so there is nothing to claim, renew or settle.

/** What work is told that has no key. @param timeout missing where its time is none of ours. */
export function unkeyedAttempt(
  door: StoreDoor,
  scope: string,
  { steps }: CheckedEngineOptions,
  timeout?: HandlerTimeout,
): Attempt<undefined> {
  const name = { scope, key: undefined };
  const openSteps = () =>
    plainSteps(name, steps, (work) =>
      door.transactUnkeyed(async (transaction) => {
        const stepped = work(transaction);
        const result = await (timeout === undefined ? stepped : timeout.within(stepped));
        return { keep: "commit", result, value: result };
      }),
    );
  return new WorkAttempt(name, onlyAttempt, undefined, { abort: timeout?.abort ?? new LazyAbort(), openSteps });
}

/** Runs leased work that has no key, and tells of its failure, since nothing else will. */
export async function runUnkeyed<Value>(
  door: StoreDoor,
  options: CheckedEngineOptions,
  scope: string,
  work: Work<undefined, Value>,
): Promise<Value> {
  const notifyFailure = (error: unknown): void =>
    notify(options.onEvent, { type: "handler-failed", scope, key: undefined, error });
  const timeout = new HandlerTimeout(options, { timeIsOver: notifyFailure });
  const run = async (): Promise<Value> => {
    let ended: WorkResult<Value> | undefined;
    try {
      ended = await work(unkeyedAttempt(door, scope, options, timeout));
      return ended.result;
    } finally {
      timeout.stop(ended === undefined || mustStop(ended.effect) ? operationEndedError() : undefined);
      if (ended?.effect === "unknown") notifyFailure(workError(ended));
    }
  };
  return timeout.within(run());
}
