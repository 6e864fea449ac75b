import { OnceAgainError } from "../core/errors.ts";

/** The functions of this process, by store and scope. */
const functions = new WeakMap<object, Map<string, ScopeUse>>();

interface ScopeUse {
  readonly fn: unknown;
  count: number;
}

/**
 * Reserves a scope of a store for one function: a second function in it would return the results of the first.
 *
 * @returns a function that frees the scope again.
 * @throws OnceAgainError `ONCE_OPTION_INVALID` when another function has it.
 */
export function reserveScope(store: object, scope: string, fn: unknown): () => void {
  let scopes = functions.get(store);
  if (scopes === undefined) functions.set(store, (scopes = new Map()));
  const use = scopes.get(scope) ?? { fn, count: 0 };
  if (use.fn !== fn) {
    throw new OnceAgainError(
      "ONCE_OPTION_INVALID",
      `The scope "${scope}" belongs to another function already. Give each function another scope, and make it once, ` +
        "not for each call; close() frees the scope of one that is made anew.",
      { details: { option: "scope" } },
    );
  }
  use.count += 1;
  scopes.set(scope, use);
  let isFreed = false;
  return () => {
    if (isFreed) return;
    isFreed = true;
    use.count -= 1;
    if (use.count === 0) scopes.delete(scope);
  };
}
