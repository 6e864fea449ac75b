import type { HeldCount } from "./store.ts";

/** How many held keys are counted at most: a database looks at no more of them. */
export const heldCountMax = 10_000;

/** For how long a key may be held before `health()` warns of it. */
const heldMsMax = 3_600_000;

/** A count, of the times since which keys have been held: when their leases ended. */
export function heldCount(now: number, since: readonly number[]): HeldCount {
  return countOf(since.length, since.length === 0 ? undefined : now - Math.min(...since));
}

/** A count as a database gives it: its numbers may be texts, and the oldest is null where there is none. */
export function readHeldCount(row: { keys: number | string; oldest_ms: number | string | null }): HeldCount {
  return countOf(Number(row.keys), row.oldest_ms === null ? undefined : Number(row.oldest_ms));
}

const countOf = (keys: number, oldestMs: number | undefined): HeldCount =>
  oldestMs === undefined ? { keys } : { keys, oldestMs: Math.max(0, oldestMs) };

/** What a person has to do about held keys, as a sentence; none where each is held for a short time only. */
export function heldWarnings({ keys, oldestMs = 0 }: HeldCount): string[] {
  if (oldestMs < heldMsMax) return [];
  const count =
    keys >= heldCountMax ? `${keys} keys or more are held` : keys === 1 ? "1 key is held" : `${keys} keys are held`;
  const hours = Math.floor(oldestMs / 3_600_000);
  return [
    `${count}, the oldest for ${hours} h: nothing says whether their operations happened. Look their effects up, and ` +
      "settle them: once-again keys list --state held.",
  ];
}
