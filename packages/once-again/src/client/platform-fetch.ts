import { builtinModule } from "../core/builtin-module.ts";

/** Every retrying fetch. One that was put in the place of `globalThis.fetch` is no platform's. */
export const retryingFetches = new WeakSet<object>();

/** Node's AsyncLocalStorage, as far as it is used here. */
interface Storage {
  getStore(): readonly string[] | undefined;
  run<Result>(requests: readonly string[], send: () => Result): Result;
}

/** The requests that are being sent through what was put in the place of `globalThis.fetch`. */
let sending: Storage | undefined;

/**
 * The `globalThis.fetch` of the moment of each call, so that a mock that is set later is asked. Where one of ours stands in
 * its place, the one from before: it would call itself otherwise. Browsers can't see whether what stands there leads back
 * to us; there it is always the one of the moment when this is called.
 */
export function platformFetch(): typeof fetch {
  const before = globalThis.fetch as typeof fetch | undefined;
  return (input, init) => {
    const current = globalThis.fetch;
    if (before === undefined) return current(input, init);
    if (current === before || retryingFetches.has(current)) return before(input, init);
    sending ??= makeStorage();
    if (sending === undefined || isBeingSent(input, init)) return before(input, init);
    return sending.run([...(sending.getStore() ?? []), name(input, init)], () => current(input, init));
  };
}

/** How deep calls within calls may be: a wrapper that changes each URL would go on for ever. */
const depthMax = 3;

/**
 * Whether a request is an attempt of ours, which a wrapper around a retrying fetch hands back to it.
 *
 * @param input the arguments of a `fetch`.
 */
export function isBeingSent(input: string | URL | Request, init: RequestInit | null | undefined): boolean {
  const requests = sending?.getStore() ?? [];
  return requests.length >= depthMax || requests.includes(name(input, init));
}

function name(input: string | URL | Request, init: RequestInit | null | undefined): string {
  const [url, given = "GET"] = input instanceof Request ? [input.url, input.method] : [input];
  return `${init?.method ?? given} ${String(url)}`;
}

function makeStorage(): Storage | undefined {
  const hooks = builtinModule("node:async_hooks");
  return hooks && new hooks.AsyncLocalStorage();
}
