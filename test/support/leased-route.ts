import { expect } from "vitest";
import type { ServerEvent } from "../../packages/once-again/src/engine/index.ts";
import type { HttpResponse, HttpHandler, LeasedHttpOptions } from "../../packages/once-again/src/http/index.ts";
import { onceHttp } from "../../packages/once-again/src/http/handle-request.ts";
import { memoryStore } from "../../packages/once-again/src/stores/memory/index.ts";
import { fakeClock } from "../../packages/testing/src/fake-clock.ts";
import { faultyStore } from "./faulty-store.ts";
import { ask, type Asked, bytes } from "./http-bench.ts";

export const created: HttpResponse = { status: 201, headers: [["location", "/orders/7"]], body: bytes('{"order":7}') };
export const never: HttpHandler<undefined> = () => expect.fail("ran");

/** A leased route on a memory store and a clock that stands still: a repeat waits only where a test says so. The account of a request is its scope. */
export function leasedRoute(options: Partial<LeasedHttpOptions<string>> = {}) {
  const clock = fakeClock(1_700_000_000_000);
  const store = faultyStore(memoryStore({ clock }));
  const errors: unknown[] = [];
  const events: ServerEvent[] = [];
  const once = onceHttp<string>({
    store,
    scope: (account) => account,
    clock,
    leaseMs: 1000,
    waitMs: 0,
    retentionMs: 3_600_000,
    onError: (error) => errors.push(error),
    onEvent: (event) => events.push(event),
    ...options,
  });
  const handler: HttpHandler<undefined> = async () => created;
  return { clock, store, errors, events, once, post: (asked?: Asked, run = handler) => ask(once, run, asked) };
}
