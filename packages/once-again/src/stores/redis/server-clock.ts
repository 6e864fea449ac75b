import type { Clock } from "../../core/clock.ts";

/** The server's time, as far as its replies show it. */
export interface ServerClock {
  /** Takes the time that a reply brought. `sentAt`: when its command was sent, on the monotonic clock. */
  set(serverMs: number, sentAt: number): void;
  /** The server's time, whole milliseconds; `undefined` where that is not known to within `errorMsMax`. */
  now(errorMsMax: number): number | undefined;
}

/** For how long a reply's time is used, milliseconds. */
const validMs = 60_000;

/** How much one clock may gain on another: ten times what is usual. */
const driftMax = 0.001;

/**
 * The first fence of a key is the server's time, without asking the server for it. It may be behind by the way of the
 * reply, and wrong by what our clock drifted. Where our two clocks disagree, one was set or stood still meanwhile.
 */
export function serverClock(clock: Clock): ServerClock {
  let known: { readonly serverMs: number; readonly tripMs: number; readonly at: number; readonly wallAt: number };
  known = { serverMs: 0, tripMs: Number.POSITIVE_INFINITY, at: 0, wallAt: 0 };
  return {
    set(serverMs, sentAt) {
      const at = clock.monotonic();
      known = { serverMs, tripMs: at - sentAt, at, wallAt: clock.now() };
    },
    now(errorMsMax) {
      const { serverMs, tripMs, at, wallAt } = known;
      const elapsedMs = clock.monotonic() - at;
      if (elapsedMs > validMs) return undefined;
      const disagreementMs = Math.abs(clock.now() - wallAt - elapsedMs);
      if (tripMs + disagreementMs + elapsedMs * driftMax > errorMsMax) return undefined;
      return Math.floor(serverMs + elapsedMs);
    },
  };
}
