import type { Awaitable } from "../core/awaitable.ts";
import { OnceAgainError } from "../core/errors.ts";
import { type Execution, NoEffectError, type Reconciled } from "./engine.ts";
import { hadNoEffect } from "./execution.ts";
import type { StepOptions } from "./options.ts";
import { checkReconciled } from "./steps.ts";
import { heldError, readEffect } from "./work-effect.ts";

/** How work ended, and its effect as far as the work itself says it. */
export type WorkEnd<Value> =
  | { readonly kind: "returned"; readonly effect: "done" | "none"; readonly value: Value }
  | { readonly kind: "threw"; readonly effect: "none" | "held" | "unknown"; readonly error: unknown };

/** How the outcome of an earlier attempt is looked up. */
export interface ReconcileRule<Value> {
  /** It must have no effect. What it throws leaves the outcome unknown. */
  readonly reconcile: (() => Promise<Reconciled<Value>>) | undefined;
  /** How long a lease must be over before an operation runs again, milliseconds. */
  readonly quiesceMs: number;
}

/**
 * Runs work and says what it did; never rejects. Where an earlier attempt may have had its effect, `reconcile` is asked
 * first, and the work does not run if it happened.
 */
export async function runWork<Value>(
  execution: Execution<unknown>,
  rule: ReconcileRule<Value>,
  work: () => Awaitable<Value>,
): Promise<WorkEnd<Value>> {
  try {
    const earlier = await reconcileFirst(execution, rule.reconcile, rule);
    const value = earlier === undefined ? await work() : earlier.found;
    return { kind: "returned", effect: hadNoEffect(execution) ? "none" : "done", value };
  } catch (error) {
    return { kind: "threw", effect: readEffect(error, execution), error };
  }
}

/**
 * Asks whether the effect of an earlier attempt happened, before the work runs again.
 *
 * @param reconcile must have no effect. What it throws leaves the outcome unknown.
 * @returns its result, if it happened; `undefined` when it surely did not.
 * @throws OnceAgainError `ONCE_OUTCOME_UNKNOWN` where `reconcile` can't tell, which holds the operation; `ONCE_NO_EFFECT` where
 *   it took so long that another attempt may run by now.
 */
export async function reconcileFirst<Value>(
  execution: Pick<Execution<unknown>, "abandoned" | "signal">,
  reconcile: (() => Promise<Reconciled<Value>>) | undefined,
  options: Pick<StepOptions, "quiesceMs" | "optionPath">,
): Promise<{ found: Value } | undefined> {
  if (reconcile === undefined || !execution.abandoned) return undefined;
  const reconciled = checkReconciled(await withoutCodes(reconcile), options);
  if (reconciled === "unknown") {
    throw heldError(
      "An earlier attempt at this operation may or may not have happened, and reconcile could not tell. Don't repeat it " +
        "under another key.",
    );
  }
  if ("found" in reconciled) return reconciled;
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
