import { adviceOfStores } from "./duck-typing-table.ts";
import { OnceAgainError } from "./errors.ts";

/** Objects that no store takes, and bindings of Cloudflare, which have no kit yet: before the stores. The first match wins. */
const adviceByMethods: typeof adviceOfStores = [
  [["then"], "a Promise: await it"],
  [["claim"], "a store of once-again already: give it as the option `store`"],
  [
    ["getWithMetadata"],
    "a KV namespace of Cloudflare, which can't put what is not there yet, so that two copies of a request would both run: take " +
      "durableObjectStore(env.ONCE) or d1Store(env.DB)",
  ],
  [
    ["createMultipartUpload"],
    "a bucket of Cloudflare R2: take durableObjectStore(env.ONCE) or d1Store(env.DB) of once-again/cloudflare",
  ],
  [["idFromName"], "a binding of Durable Objects: wrap it, durableObjectStore(env.ONCE)"],
  [
    ["getBookmark", "batch"],
    "a session of a D1 database, which may read a replica that is behind: wrap the database itself, d1Store(env.DB)",
  ],
  [["prepare", "batch"], "a D1 database: wrap it, d1Store(env.DB)"],
  ...adviceOfStores,
];

/** Whether something has a method of this name. */
export function hasMethod(given: unknown, method: string): boolean {
  if ((typeof given !== "object" && typeof given !== "function") || given === null) return false;
  return typeof (given as Record<string, unknown>)[method] === "function";
}

/** The error for what is no such store, pool or client: it says what it is, and what to do with it. */
export function wrongClientError(name: string, expected: string, given: unknown): OnceAgainError {
  const description = adviceFor(given) ?? kindOf(given);
  return new OnceAgainError("ONCE_OPTION_INVALID", `${name} must be ${expected}, but it is ${description}.`, {
    details: { option: name },
  });
}

/**
 * @throws OnceAgainError `ONCE_OPTION_INVALID` for what is no object, and for a client or a pool, in the place of options.
 */
export function checkNoClient(name: string, expected: string, given: unknown): void {
  if (typeof given !== "object" || adviceFor(given) !== undefined) throw wrongClientError(name, expected, given);
}

function adviceFor(given: unknown): string | undefined {
  const has = (method: string): boolean => hasMethod(given, method);
  return adviceByMethods.find(([methods, , butNot = []]) => methods.every(has) && !butNot.some(has))?.[1];
}

function kindOf(given: unknown): string {
  if (given === null) return "null";
  if (typeof given === "string") return "a text";
  if (Array.isArray(given)) return "a list";
  // A store's maker in the place of the store.
  if (typeof given === "function")
    return `a function: give what it returns, ${given.name === "" ? "by a call" : `${given.name}(…)`}`;
  return typeof given;
}
