import { checkNames } from "../core/option-names.ts";
import { type Random, uniform } from "../core/random.ts";

/**
 * Spreads a delay, so that callers who failed together do not come back together.
 *
 * @param delayMs the delay that the backoff computed, already clamped to its cap, in milliseconds.
 * @param random where chance comes from.
 * @returns the delay to wait, in milliseconds: finite, 0 or more.
 */
export type Jitter = (delayMs: number, random: Random) => number;

/**
 * U(0, v): anything from nothing to the whole delay. The fewest calls for a crowd of callers who contend for one
 * thing. In an outage it comes back the soonest, and so gives up the soonest.
 *
 * Source: "Exponential Backoff And Jitter", AWS Architecture Blog, 2015.
 */
export function fullJitter(): Jitter {
  return (delayMs, random) => uniform(random, 0, delayMs);
}

/**
 * v/2 + U(0, v/2): at least half of the delay is waited, and never more than all of it. The default: in outages it is the
 * worst in nothing (`npm run bench:defaults`).
 *
 * Source: "Exponential Backoff And Jitter", AWS Architecture Blog, 2015.
 */
export function equalJitter(): Jitter {
  return (delayMs, random) => uniform(random, delayMs / 2, delayMs);
}

/**
 * v * U(1 - ratio, 1 + ratio): near the delay, on both sides. A ratio of 0.25 makes 1.5 s to 2.5 s of 2 s. The backoffs
 * keep what goes over their cap below it: at the cap, v * U(1 - ratio, 1).
 *
 * @param options.ratio how far to either side, as a share of the delay: 0 to 1, default 0.25.
 * @throws OnceAgainError `ONCE_OPTION_INVALID` for a ratio out of bounds.
 */
export function boundedJitter(options: { readonly ratio?: number | undefined } = {}): Jitter {
  checkNames("boundedJitter", options, { ratio: { min: 0, max: 1 } });
  const { ratio = 0.25 } = options;
  return (delayMs, random) => delayMs * uniform(random, 1 - ratio, 1 + ratio);
}

/** The delay as it is. Callers who failed together come back together: for a caller that is alone, and for tests. */
export function noJitter(): Jitter {
  return (delayMs) => delayMs;
}
