import type { RecordName, Store } from "../../../packages/once-again/src/stores/store.ts";
import { answering, type BrokenStore } from "./broken-store.ts";

/** Flaws in the bytes that are stored. */
export const brokenResults: readonly BrokenStore[] = [
  {
    flaw: "it cuts long results",
    caughtBy: "results of any length come back whole",
    break: (store) => ({
      complete: (request) => store.complete({ ...request, result: request.result.subarray(0, 65_535) }),
    }),
  },
  {
    flaw: "it keeps results as text",
    caughtBy: "a completed key answers every claim with its result",
    break: (store) => ({
      complete: (request) =>
        store.complete({ ...request, result: new TextEncoder().encode(new TextDecoder().decode(request.result)) }),
    }),
  },
  {
    flaw: "it drops the first byte of what is replayed",
    caughtBy: "a completed key answers every claim with its result",
    break: (store) =>
      answering(store, (answer) =>
        answer.kind === "done" ? { ...answer, result: answer.result.subarray(1) } : answer,
      ),
  },
];

/** Flaws in the names under which they are stored. */
export const brokenNames: readonly BrokenStore[] = [
  {
    flaw: "it ignores the scope",
    caughtBy: "keys and scopes never meet",
    break: (store) => renamed(store, ({ key }) => ({ scope: "", key })),
  },
  {
    flaw: "it joins scope and key by a colon",
    caughtBy: "keys and scopes never meet",
    break: (store) => renamed(store, ({ scope, key }) => ({ scope: "", key: `${scope}:${key}` })),
  },
  {
    flaw: "it ignores case",
    caughtBy: "keys and scopes never meet",
    break: (store) => renamed(store, ({ scope, key }) => ({ scope, key: key.toLowerCase() })),
  },
  {
    flaw: "it drops blanks at the end of a name",
    caughtBy: "keys and scopes never meet",
    break: (store) => renamed(store, ({ scope, key }) => ({ scope, key: key.trimEnd() })),
  },
  {
    flaw: "it cuts long names",
    caughtBy: "keys and scopes never meet",
    break: (store) => renamed(store, ({ scope, key }) => ({ scope, key: key.slice(0, 191) })),
  },
  {
    flaw: "it ends names at a zero byte",
    caughtBy: "keys and scopes never meet",
    break: (store) => renamed(store, ({ scope, key }) => ({ scope, key: key.replace(/\0.*/u, "") })),
  },
];

/** A store that is wrong in the names it keeps. */
function renamed(store: Store, rename: (name: RecordName) => RecordName): Partial<Store> {
  const as = <Request extends RecordName>(request: Request): Request => ({ ...request, ...rename(request) });
  return {
    claim: (request) => store.claim(as(request)),
    complete: (request) => store.complete(as(request)),
    renew: (request) => store.renew(as(request)),
    release: (request) => store.release(as(request)),
    checkpoint: (request) => store.checkpoint(as(request)),
    resolve: (request) => store.resolve(as(request)),
    inspect: async (name) => {
      const found = await store.inspect(as(name));
      return found && { ...found, ...name };
    },
  };
}
