import { notify } from "../core/events.ts";
import type { Attempt, Work, WorkResult } from "./engine.ts";
import { operationEndedError } from "./errors.ts";
import { type HandlerTimeout, noHandlerTimeout, startHandlerTimeout } from "./handler-timeout.ts";
import { mustStop } from "./leased-decisions.ts";
import type { CheckedEngineOptions } from "./options.ts";
import { failureOf } from "./run-result.ts";
import { plainSteps, type Steps } from "./steps.ts";
import type { StoreDoor } from "./store-door.ts";

// Work that has no record of its own: nothing of it outlives it, so there is nothing to claim, renew or settle.

/** What work is told that has no record: without a key, or inside one transaction with it. */
export function firstAttempt<Transaction>(
  { scope, key }: { scope: string; key: string | undefined },
  transaction: Transaction,
  step: Steps,
  signal: AbortSignal,
): Attempt<Transaction> {
  return { scope, key, attempt: 1, abandoned: false, fence: 0, signal, step, transaction };
}

/** What leased work is told that has no key. */
export function unkeyedAttempt(
  door: StoreDoor,
  scope: string,
  { steps }: CheckedEngineOptions,
  timeout: HandlerTimeout = noHandlerTimeout,
): Attempt<undefined> {
  const name = { scope, key: undefined };
  const step = plainSteps(name, steps, (work) =>
    door.transactUnkeyed(async (transaction) => {
      const result = await timeout.within(work(transaction));
      return { keep: "commit", result, value: result };
    }),
  );
  return firstAttempt(name, undefined, step, timeout.signal);
}

/** Runs leased work that has no key, and tells of its failure, since nothing else will. */
export async function runUnkeyed<Value>(
  door: StoreDoor,
  options: CheckedEngineOptions,
  scope: string,
  work: Work<undefined, Value>,
): Promise<Value> {
  const tellFailure = (error: unknown): void =>
    notify(options.onEvent, { type: "handler-failed", scope, key: undefined, error });
  const timeout = startHandlerTimeout(options, tellFailure);
  const run = async (): Promise<Value> => {
    let worked: WorkResult<Value> | undefined;
    try {
      worked = await work(unkeyedAttempt(door, scope, options, timeout));
      return worked.result;
    } finally {
      timeout.stop(worked === undefined || mustStop(worked.effect) ? operationEndedError() : undefined);
      if (worked?.effect === "unknown") tellFailure(failureOf(worked));
    }
  };
  return timeout.within(run());
}
