import { OnceAgainError } from "../core/errors.ts";
import { type Execution, isHeldError, type WorkResult } from "../engine/engine.ts";
import { hadNoEffect, userExecution } from "../engine/execution.ts";
import { reconcileFirst } from "../engine/reconcile.ts";
import {
  type EndingRules,
  refusedEnding,
  returnedEnding,
  type StoredEnding,
  unstored,
  unstoredEnding,
} from "./call-ending.ts";
import type { CheckedFunctionRules, FunctionExecution } from "./function-options.ts";

/** Runs a function for one call, whose outcome is looked up first where an earlier attempt may have had it. */
export type RunCall<Transaction, Result> = (execution: FunctionExecution<Transaction>) => Result | Promise<Result>;

/** What says of a call's ending what it was, and what is stored of it. */
export type CallRules<Result> = EndingRules<Result> &
  Pick<CheckedFunctionRules<never, Result>, "transactional" | "hadNoEffect" | "onError">;

/**
 * Runs one call, and says what it did by how it ended.
 *
 * @throws what the function throws, where nobody knows what it did. An error of ours, such as that of another function it
 *   called, means something else there than it would here: it becomes the cause of an `ONCE_HANDLER_FAILED`.
 */
export async function runFunction<Transaction, Result>(
  rules: CallRules<Result>,
  run: RunCall<Transaction, Result>,
  execution: Execution<Transaction>,
): Promise<WorkResult<StoredEnding<Result>>> {
  let value: Result;
  try {
    value = await run(userExecution(Object.assign(execution, { key: execution.key ?? "" })));
  } catch (error) {
    return failed(error, hadNoEffect(execution), rules);
  }
  if (hadNoEffect(execution)) return { effect: "none", result: unstored({ kind: "returned", value }) };
  try {
    return { effect: "done", result: returnedEnding(value, rules) };
  } catch (error) {
    // It happened: what can't be rolled back must not happen again for the sake of its result.
    return rules.transactional ? hadNone(error) : { effect: "done", result: unstoredEnding(error as OnceAgainError) };
  }
}

function failed<Result>(error: unknown, noEffect: boolean, rules: CallRules<Result>): WorkResult<StoredEnding<Result>> {
  if (noEffect || OnceAgainError.isInstance(error, "ONCE_NO_EFFECT")) return hadNone(error);
  if (isHeldError(error)) return { effect: "held", result: unstored({ kind: "threw", error }) };
  try {
    if (saysNoEffect(rules, error)) return hadNone(error);
    const refusal = refusedEnding(error, rules);
    if (refusal !== undefined) return { effect: "refused", result: refusal, cause: error };
  } catch (fault) {
    // A rule that fails says nothing of the call.
    rules.onError(fault);
  }
  throw OnceAgainError.isInstance(error) ? innerError(error) : error;
}

/** @throws TypeError for a rule that can't say so at once: a promise would pass for yes. */
function saysNoEffect(
  { hadNoEffect }: Pick<CheckedFunctionRules<never, unknown>, "hadNoEffect">,
  error: unknown,
): boolean {
  const answer = hadNoEffect(error);
  if (typeof answer === "boolean") return answer;
  throw new TypeError(
    "The hadNoEffect function must return true or false, at once. The error was taken for one like any other.",
  );
}

/** @param error the cause too: a conflict between transactions is no failure of the function, which runs again. */
function hadNone<Result>(error: unknown): WorkResult<StoredEnding<Result>> {
  return { effect: "none", result: unstored({ kind: "threw", error }), cause: error };
}

function innerError(cause: OnceAgainError): OnceAgainError {
  return new OnceAgainError("ONCE_HANDLER_FAILED", `The function failed: ${cause.message}`, { cause });
}

/** The call of a function that runs only when it surely did not happen. */
export function reconcilingCall<Args extends readonly unknown[], Transaction, Result>(
  { reconcile, quiesceMs }: Pick<CheckedFunctionRules<Args, Result>, "reconcile" | "quiesceMs">,
  args: Args,
  run: RunCall<Transaction, Result>,
): RunCall<Transaction, Result> {
  if (reconcile === undefined) return run;
  return async (execution) => {
    const look = () => reconcile(execution as FunctionExecution, ...args);
    const known = await reconcileFirst(execution, look, quiesceMs);
    return known === undefined ? run(execution) : known.found;
  };
}
