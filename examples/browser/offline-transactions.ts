import { NonRetriableError, type OfflineConfig } from "@tanstack/offline-transactions";
import { type Intents, onceMutationFn } from "once-again/intents";

type Params = Parameters<OfflineConfig["mutationFns"][string]>[0];

/** A mutation function for `startOfflineExecutor`: what it repeats after a reload joins the intent, and is not sent twice. */
export function saveTodos(intents: Intents, url: string) {
  return onceMutationFn(intents, {
    id: ({ idempotencyKey }: Params) => idempotencyKey,
    request: ({ transaction }) => ({
      url,
      headers: { "content-type": "application/json" },
      body: JSON.stringify(transaction.mutations.map(({ changes }) => changes)),
    }),
    // Else the executor would ask for the same outcome without end. An unknown one stays with the intents, to be settled.
    toError: ({ state }) => new NonRetriableError(`The intent is ${state}.`),
  });
}
