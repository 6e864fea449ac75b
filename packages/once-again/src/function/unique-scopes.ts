import { OnceAgainError } from "../core/errors.ts";

/** The functions of this process, by store and scope. */
const functions = new WeakMap<object, Map<string, ScopeUse>>();

interface ScopeUse {
  readonly fn: unknown;
  count: number;
}

/**
 * Notes that a function has a scope of a store: another one in it would give this one's results for its own.
 *
 * @returns what frees the scope again.
 * @throws OnceAgainError `ONCE_OPTION_INVALID` when another function has it.
 */
export function takeScope(store: object, scope: string, fn: unknown): () => void {
  let scopes = functions.get(store);
  if (scopes === undefined) functions.set(store, (scopes = new Map()));
  const use = scopes.get(scope) ?? { fn, count: 0 };
  if (use.fn !== fn) {
    throw new OnceAgainError(
      "ONCE_OPTION_INVALID",
      `The scope "${scope}" is another function's already. Give each function a scope of its own, and make it once, ` +
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
