import type { OnceAgainError } from "../core/errors.ts";
import { requireBoolean } from "../core/options.ts";
import type { Execution, Reconciled, WorkResult } from "../engine/engine.ts";
import { userExecution } from "../engine/execution.ts";
import { runWork, type WorkEnd } from "../engine/run-work.ts";
import { workFailure } from "../engine/work-effect.ts";
import {
  type CallResultRules,
  refusedResult,
  returnedResult,
  type StoredCallResult,
  notStored,
  happenedWithoutResult,
} from "./call-result.ts";
import type { CheckedFunctionRules, FunctionExecution } from "./function-options.ts";

/** One call of a function. */
export interface FunctionCall<Transaction, Result> {
  readonly run: (execution: FunctionExecution<Transaction>) => Result | Promise<Result>;
  /** Looks up the outcome of an earlier attempt, before the function runs again. */
  readonly reconcile?: ((execution: FunctionExecution) => Promise<Reconciled<Result>>) | undefined;
  /** How long a lease must be over before the function runs again, milliseconds; default 0. */
  readonly quiesceMs?: number | undefined;
}

/** How the end of a call is judged and stored. */
export type CallRules<Result> = CallResultRules<Result> &
  Pick<CheckedFunctionRules<never, Result>, "transactional" | "hadNoEffect" | "onError">;

/**
 * Runs one call, and says what it did by how it ended.
 *
 * @throws what the function throws where its effect is unknown: see `workFailure`.
 */
export async function runFunction<Transaction, Result>(
  rules: CallRules<Result>,
  { run, reconcile, quiesceMs = 0 }: FunctionCall<Transaction, Result>,
  execution: Execution<Transaction>,
): Promise<WorkResult<StoredCallResult<Result>>> {
  const shown = userExecution(Object.assign(execution, { key: execution.key ?? "" }));
  const look = reconcile && (() => reconcile(shown as FunctionExecution));
  const end = await runWork(execution, { reconcile: look, quiesceMs }, () => run(shown));
  if (end.kind === "threw") return judgeError(end, rules, execution);
  const { effect, value } = end;
  if (effect === "none") return { effect, result: notStored({ kind: "returned", value }) };
  try {
    return { effect, result: returnedResult(value, rules) };
  } catch (error) {
    // It happened: what can't be rolled back must not happen again for the sake of its result.
    return rules.transactional ? hadNone(error) : { effect, result: happenedWithoutResult(error as OnceAgainError) };
  }
}

function judgeError<Result>(
  { effect, error }: Extract<WorkEnd<Result>, { kind: "threw" }>,
  rules: CallRules<Result>,
  { scope, key }: Pick<Execution, "scope" | "key">,
): WorkResult<StoredCallResult<Result>> {
  if (effect === "none") return hadNone(error);
  if (effect === "held") return { effect, result: notStored({ kind: "threw", error }) };
  try {
    if (requireBoolean("hadNoEffect()", rules.hadNoEffect(error))) return hadNone(error);
    const refusal = refusedResult(error, rules);
    if (refusal !== undefined) return { effect: "refused", result: refusal, cause: error };
  } catch (fault) {
    // A rule that fails says nothing of the call.
    rules.onError(fault, { room: "function", scope, key });
  }
  throw workFailure("The function", error);
}

/** @param error the cause too: a conflict between transactions is no failure of the function, which runs again. */
function hadNone<Result>(error: unknown): WorkResult<StoredCallResult<Result>> {
  return { effect: "none", result: notStored({ kind: "threw", error }), cause: error };
}
