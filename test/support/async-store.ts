import type { AsyncStore, Store } from "../../packages/once-again/src/stores/store.ts";

/** A store with a promise for each answer, in front of one that may answer at once. */
export function asyncStore(store: Store): AsyncStore {
  return {
    ...store,
    claim: async (request) => store.claim(request),
    complete: async (request) => store.complete(request),
    renew: async (request) => store.renew(request),
    release: async (request) => store.release(request),
    checkpoint: async (request) => store.checkpoint(request),
    inspect: async (name) => store.inspect(name),
    list: async (request) => store.list(request),
    resolve: async (request) => store.resolve(request),
    purge: async (request) => store.purge(request),
  };
}
