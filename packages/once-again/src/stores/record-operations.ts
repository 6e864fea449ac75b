import type { Awaitable } from "../core/awaitable.ts";
import type { AsyncStore, Store } from "./store.ts";
import type { AnswerTo, Operation } from "./transition.ts";

type RecordOperations = "claim" | "complete" | "renew" | "release" | "checkpoint" | "resolve";

/** The port's changing methods for a store that runs `transition` itself. @param apply does so atomically. */
export function recordOperations(
  apply: <Asked extends Operation>(operation: Asked) => Promise<AnswerTo<Asked>>,
): Pick<AsyncStore, RecordOperations>;
export function recordOperations(
  apply: <Asked extends Operation>(operation: Asked) => Awaitable<AnswerTo<Asked>>,
): Pick<Store, RecordOperations>;
export function recordOperations(
  apply: <Asked extends Operation>(operation: Asked) => Awaitable<AnswerTo<Asked>>,
): Pick<Store, RecordOperations> {
  return {
    claim: (request) => apply({ ...request, kind: "claim" }),
    complete: (request) => apply({ ...request, kind: "complete" }),
    renew: (request) => apply({ ...request, kind: "renew" }),
    release: (request) => apply({ ...request, kind: "release" }),
    checkpoint: (request) => apply({ ...request, kind: "checkpoint" }),
    resolve: (request) => apply({ ...request, kind: "resolve" }),
  };
}
