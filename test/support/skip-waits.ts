import type { FetchEvent } from "../../packages/once-again/src/client/index.ts";
import type { FakeClock } from "../../packages/testing/src/fake-clock.ts";

/** A listener of a call on a clock that stands still: it lets each wait before a retry pass, and nothing else. */
export const skipWaits =
  (clock: FakeClock) =>
  (event: FetchEvent): void => {
    if (event.type === "retry-scheduled") void clock.advance(event.delayMs);
  };
