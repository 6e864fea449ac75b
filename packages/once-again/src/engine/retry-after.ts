import { type Random, uniform } from "../core/random.ts";

// When callers that are turned away shall come back. Thousands may be turned away in one moment, and one time for all of them would
// bring all of them back in one moment. So each gets a time by chance, and a longer one the longer the store is away.

/** By how much the longest time exceeds the least one where nothing is away, at most, milliseconds. */
const spreadMsMax = 2000;

/** The longest time that an absence leads to, milliseconds. */
const awayMsMax = 30_000;

/** The times after which callers shall come back, milliseconds, both included. */
export interface RetryAfterRange {
  readonly fromMs: number;
  readonly toMs: number;
}

/**
 * The range of times after which callers shall come back: from the least time to three times as much, and at most to 2 s more. While the
 * store is away, the longest is as long as it has been away by then, at most 30 s, and the shortest a third of that: no caller waits
 * for much longer than the absence lasts, and callers ask less and less often.
 *
 * @param leastMs the time before which no caller shall come back, milliseconds, 0 or more.
 * @param awayMs for how long the store has not answered, milliseconds; default 0.
 */
export function retryAfterRange(leastMs: number, awayMs = 0): RetryAfterRange {
  const toMs = Math.max(leastMs + Math.min(2 * leastMs, spreadMsMax), Math.min(awayMs, awayMsMax));
  return { fromMs: Math.max(leastMs, toMs / 3), toMs };
}

/** One time of a range, by chance: whole milliseconds. */
export function drawRetryAfterMs({ fromMs, toMs }: RetryAfterRange, random: Random): number {
  return Math.round(uniform(random, fromMs, toMs));
}

/**
 * One time of a range, by chance, as the `Retry-After` header has it: whole seconds (RFC 9110, section 10.2.3). Each whole second of
 * the range is as likely as the others. What is between two seconds only a caller can add: see `planRetry`.
 */
export function drawRetryAfterSeconds({ fromMs, toMs }: RetryAfterRange, random: Random): number {
  const from = Math.ceil(fromMs / 1000);
  const to = Math.max(from, Math.floor(toMs / 1000));
  return Math.min(to, Math.floor(uniform(random, from, to + 1)));
}
