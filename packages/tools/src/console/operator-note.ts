import { OnceAgainError } from "once-again";
import { settlementNote } from "once-again/stores";

/** Each request that changes something brings this, too: who does it, and why. See `SettlementNote`. */
export interface OperatorNote {
  readonly author: string;
  readonly reason: string;
}

/** Why a note can't be stored, as a sentence. */
export function findNoteProblem(note: OperatorNote): string | undefined {
  try {
    settlementNote(note);
    return undefined;
  } catch (error) {
    if (!OnceAgainError.isInstance(error)) throw error;
    return `Say who does it, and why: ${error.message}`;
  }
}
