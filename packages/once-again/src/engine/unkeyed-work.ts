import { notify } from "../core/events.ts";
import { LazyAbort } from "../core/lazy-abort.ts";
import { operationEndedError, type Work, type WorkResult } from "./engine.ts";
import { HandlerTimeout } from "./handler-timeout.ts";
import { mustStop } from "./leased-decisions.ts";
import type { CheckedEngineOptions } from "./options.ts";
import { workError } from "./request-end.ts";
import { plainSteps } from "./steps.ts";
import type { StoreDoor } from "./store-door.ts";
import { hadNoEffect, onlyAttempt, WorkExecution } from "./execution.ts";

// Leased work that has no key, and so no record: nothing of it outlives it, so there is nothing to claim, renew or settle.

/** The execution of work that has no key. @param timeout missing where the engine does not bound it. */
export function unkeyedExecution(
  door: StoreDoor,
  scope: string,
  { steps }: CheckedEngineOptions,
  timeout?: HandlerTimeout,
): WorkExecution<undefined> {
  const name = { scope, key: undefined };
  const openSteps = () =>
    plainSteps(name, steps, (work) =>
      door.transactUnkeyed(async (transaction) => {
        const stepped = work(transaction);
        const result = await (timeout === undefined ? stepped : timeout.within(stepped));
        return { keep: "commit", result, value: result };
      }),
    );
  return new WorkExecution(name, onlyAttempt, undefined, { abort: timeout?.abort ?? new LazyAbort(), openSteps });
}

/** Runs leased work that has no key, and reports its failure, since nothing else will. */
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
    const execution = unkeyedExecution(door, scope, options, timeout);
    let ended: WorkResult<Value> | undefined;
    try {
      ended = await work(execution);
      return ended.result;
    } finally {
      const effect = hadNoEffect(execution) ? "none" : (ended?.effect ?? "unknown");
      timeout.stop(mustStop(effect) ? operationEndedError() : undefined);
      if (ended !== undefined && effect === "unknown") notifyFailure(workError(ended));
    }
  };
  return timeout.within(run());
}
