import { asyncStore } from "./async-store.ts";
import type { Awaitable } from "../../packages/once-again/src/core/awaitable.ts";
import type { AsyncStore, Store } from "../../packages/once-again/src/stores/store.ts";

/** The operations that an engine asks for. */
type StoreOperation = "claim" | "complete" | "renew" | "release" | "inspect";

/**
 * How a call to a store fails: before it is executed, after it (its acknowledgement is lost), or by saying nothing,
 * executed or not.
 */
type Failure = "before" | "after" | "silent" | "silent-after";

export interface FaultyStore extends AsyncStore {
  /** Makes the next `times` calls of an operation fail. */
  fail(operation: StoreOperation, failure: Failure, times?: number): void;
  /** The operations that were called, in order. */
  readonly asked: readonly StoreOperation[];
}

/** A store that fails on demand, in front of another. */
export function faultyStore(store: Store): FaultyStore {
  const asked: StoreOperation[] = [];
  const failures = new Map<StoreOperation, { failure: Failure; times: number }>();

  const through = async <Answer>(operation: StoreOperation, call: () => Awaitable<Answer>): Promise<Answer> => {
    asked.push(operation);
    const planned = failures.get(operation);
    if (planned === undefined || planned.times === 0) return call();
    planned.times -= 1;
    if (planned.failure === "after" || planned.failure === "silent-after") await call();
    if (planned.failure.startsWith("silent")) return new Promise<Answer>(() => undefined);
    throw new Error("ECONNRESET");
  };

  return {
    ...asyncStore(store),
    claim: (request) => through("claim", () => store.claim(request)),
    complete: (request) => through("complete", () => store.complete(request)),
    renew: (request) => through("renew", () => store.renew(request)),
    release: (request) => through("release", () => store.release(request)),
    inspect: (name) => through("inspect", () => store.inspect(name)),
    fail: (operation, failure, times = Infinity) => void failures.set(operation, { failure, times }),
    asked,
  };
}
