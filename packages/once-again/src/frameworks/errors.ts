import { NoEffectError } from "../engine/index.ts";

/**
 * A transaction that met a conflict was undone and would run again, for which a framework runs no handler twice: the
 * caller has to come again.
 */
export function undone(): NoEffectError {
  return new NoEffectError("The operation met another one and was undone. Nothing happened.");
}
