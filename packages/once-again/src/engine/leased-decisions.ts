import type { ClaimAnswer, InspectedRecord } from "../stores/store.ts";
import type { OnceOperation, Outcome, WorkResult } from "./engine.ts";

// The decisions of the leased engine, data in and decision out. The explorer (test/proof/explorer) drives these functions.

/**
 * Whether an answer to a claim is worth asking again for. An abandoned operation that we may take over later is not for
 * people to settle, but to be asked for again.
 */
export function isPending({ kind }: ClaimAnswer, takeOverAfterMs: number | undefined): boolean {
  return kind === "in-progress" || (kind === "abandoned" && takeOverAfterMs !== undefined);
}

/** The state that an attempt found, and what may be done about an unknown outcome. */
export interface AttemptPolicy {
  /**
   * Whether something of the operation may have happened before, in an earlier attempt or a step: then work that had no
   * effect does not make the operation as if it had never been.
   */
  readonly hadEffects: boolean;
  readonly takeOverAfterMs: number | undefined;
  /** Whether what was refused half-way is to be finished. Missing: a refusal is the last word. */
  readonly finishes?: boolean;
}

/**
 * How an owner ends its attempt: stores the result, releases the key, ends its lease at once so that the next attempt
 * sees an unknown outcome, or lets its lease run out, which means the same.
 */
export type Settlement = "complete" | "release" | "abandon" | "expire";

/** How an owner ends its attempt, by the effect of its work; `readEffect` (work-effect.ts) says what a throw counts as. */
export function settlementOf(effect: WorkResult["effect"], policy: AttemptPolicy): Settlement {
  if (effect === "none") return policy.hadEffects ? "abandon" : "release";
  const runsAgain = effect === "unknown" && policy.takeOverAfterMs !== undefined;
  return runsAgain || effect === "held" || isHalfWay(effect, policy) ? settlementOfUnknown(policy) : "complete";
}

/** Whether work was refused when part of its effects had happened, and a later attempt is to have the rest. */
export function isHalfWay(effect: WorkResult["effect"], { finishes = false, hadEffects }: AttemptPolicy): boolean {
  return finishes && effect === "refused" && hadEffects;
}

/**
 * How an attempt ends that leaves nothing to keep and an unknown outcome. Its worker may be alive: something else may
 * have answered in its place, such as a framework's time-out. So a route that gives workers time to stop (`quiesceMs`)
 * gives this one the rest of its lease too; where that time is 0, concurrency is no harm.
 */
export function settlementOfUnknown({
  takeOverAfterMs = 0,
}: Pick<AttemptPolicy, "takeOverAfterMs">): "abandon" | "expire" {
  return takeOverAfterMs > 0 ? "expire" : "abandon";
}

/** Whether a handler must stop, if it is still at work when its operation ends so. */
export function mustStop(effect: WorkResult["effect"]): boolean {
  return effect !== "done";
}

/**
 * The outcome for an owner that ended its attempt as `settlementOf` says. Work that had no effect must not say so for an
 * operation of which something may have happened before: it is as undecided as before.
 */
export function outcomeOfOwner(
  { effect, result }: WorkResult,
  { hadEffects, takeOverAfterMs }: AttemptPolicy,
): Outcome {
  if (effect === "held") return { kind: "outcome-unknown" };
  if (effect !== "none" || !hadEffects) return { kind: "executed", result };
  return { kind: takeOverAfterMs === undefined ? "outcome-unknown" : "in-progress" };
}

/** A late owner answers with what the record says, never with its own result. */
export function outcomeOfLoser(
  found: InspectedRecord | undefined,
  { fingerprint }: Pick<OnceOperation, "fingerprint">,
  { effect, result }: WorkResult,
): Outcome {
  if (found === undefined) {
    // Work without an effect leaves none to be another's: our own release was executed, and its acknowledgement was lost.
    return effect === "none" ? { kind: "executed", result } : { kind: "outcome-unknown" };
  }
  if (found.record.fingerprint !== fingerprint) return { kind: "mismatch" };
  if (found.record.result !== undefined) return { kind: "replayed", result: found.record.result };
  return { kind: found.state === "running" ? "in-progress" : "outcome-unknown" };
}
