/** The modules that are used where they are there. */
type UsedModule = "node:async_hooks" | "node:buffer" | "node:crypto" | "node:os";

type BuiltinModule<Name extends UsedModule> = ReturnType<typeof globalThis.process.getBuiltinModule<Name>>;

/**
 * A module of Node's, where there is one: in Node, Bun, Deno, and in a Worker with `nodejs_compat`. Asked for at run time, since
 * browsers and edge runtimes have none to import; `undefined` there.
 */
export function builtinModule<Name extends UsedModule>(name: Name): BuiltinModule<Name> | undefined {
  try {
    return globalThis.process?.getBuiltinModule?.(name);
  } catch {
    // The `process` of Next's edge runtime has every function of Node's, and each throws.
    return undefined;
  }
}
