import type { Store } from "./store.ts";
import type { AnswerTo, Operation } from "./transition.ts";

/** Carries one operation out on the stored record, atomically, as `transition` says. */
export type Apply = <Asked extends Operation>(operation: Asked) => Promise<AnswerTo<Asked>>;

/** The port's changing methods for a store that runs `transition` itself. */
export function recordOperations(
  apply: Apply,
): Pick<Store, "claim" | "complete" | "renew" | "release" | "checkpoint" | "resolve"> {
  return {
    claim: (request) => apply({ kind: "claim", ...request }),
    complete: (request) => apply({ kind: "complete", ...request }),
    renew: (request) => apply({ kind: "renew", ...request }),
    release: (request) => apply({ kind: "release", ...request }),
    checkpoint: (request) => apply({ kind: "checkpoint", ...request }),
    resolve: (request) => apply({ kind: "resolve", ...request }),
  };
}
