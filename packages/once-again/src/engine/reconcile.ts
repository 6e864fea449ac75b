import { OnceAgainError } from "../core/errors.ts";
import { type Execution, heldError, NoEffectError, type Reconciled } from "./engine.ts";
import { checkAbsence } from "./steps.ts";

/**
 * Asks, before work runs again whose earlier attempt may have had its effect, whether it happened.
 *
 * @param reconcile must have no effect. What it throws leaves the outcome unknown.
 * @returns its result, if it happened; `undefined` when it surely did not.
 * @throws OnceAgainError `ONCE_OUTCOME_UNKNOWN` where `reconcile` can't tell, which holds the operation; `ONCE_NO_EFFECT` where
 *   it took so long that another attempt may run by now.
 */
export async function reconcileFirst<Value>(
  execution: Pick<Execution<unknown>, "abandoned" | "signal">,
  reconcile: (() => Promise<Reconciled<Value>>) | undefined,
  quiesceMs: number,
): Promise<{ found: Value } | undefined> {
  if (reconcile === undefined || !execution.abandoned) return undefined;
  const reconciled = await withoutCodes(reconcile);
  if (reconciled === "unknown") {
    throw heldError(
      "An earlier attempt at this operation may or may not have happened, and reconcile could not tell. Don't repeat it " +
        "under another key.",
    );
  }
  if ("found" in reconciled) return reconciled;
  checkAbsence(reconciled, quiesceMs);
  if (execution.signal.aborted) {
    throw new NoEffectError("The attempt lost its key, or its time was over, before its work began. Nothing happened.");
  }
  return undefined;
}

/** The code of an error of ours is about the question, not about the operation. */
async function withoutCodes<Value>(reconcile: () => Promise<Value>): Promise<Value> {
  try {
    return await reconcile();
  } catch (error) {
    throw OnceAgainError.isInstance(error) ? new Error("reconcile failed", { cause: error }) : error;
  }
}
