import { errorText } from "../core/error-text.ts";

/** The problems that a store finds in its database. */
export interface StoreHealth {
  /** Whether there is no problem: operations can be executed, and what is acknowledged is not forgotten. */
  readonly isHealthy: boolean;
  /** The faults, and what to do about them: one sentence each. A database that does not answer is a problem too. */
  readonly problems: readonly string[];
  /**
   * The things that a person has to look at, although operations go on: keys that have been held for an hour or longer, and keys that
   * were claimed while the store's clock was ahead. One sentence each; missing where there are no such keys, and where the store can't count its held keys cheaply.
   */
  readonly warnings?: readonly string[] | undefined;
}

/** How many keys are held until a person settles them. Keys with a `heldRetentionMs` are not among them. */
export interface HeldCount {
  /** Counted up to 10,000. */
  readonly keys: number;
  /** For how long the one has been held that is held longest, milliseconds; missing where none is. */
  readonly oldestMs?: number | undefined;
  /**
   * How many keys run that were claimed while the store's clock was ahead, counted up to 10,000: no repeat learns what became of them
   * before the clock is there again. Missing where there are none.
   */
  readonly ahead?: number | undefined;
}

/**
 * A store's health by the problems that it finds. That it can't be asked is one. Never rejects.
 *
 * @param findWarnings is asked only where there is no problem.
 */
export async function storeHealth(
  findProblems: () => Promise<readonly string[]>,
  findWarnings: () => Promise<readonly string[]> = async () => [],
): Promise<StoreHealth> {
  const problems = await findProblems().catch((error: unknown) => [
    `The database could not be asked: ${errorText(error)}`,
  ]);
  if (problems.length > 0) return { isHealthy: false, problems };
  const warnings = await findWarnings().catch(() => []);
  return { isHealthy: true, problems, ...(warnings.length > 0 && { warnings }) };
}

/** How many held keys are counted at most: a database looks at no more of them. */
export const heldCountMax = 10_000;

/** For how long a key may be held before `health()` warns of it. */
const heldMsMax = 3_600_000;

/** A count, of the times since which keys have been held: when their leases ended. */
export function heldCount(now: number, since: readonly number[], ahead: number): HeldCount {
  return countOf(since.length, since.length === 0 ? undefined : now - Math.min(...since), ahead);
}

/** A count as a database gives it: its numbers may be texts, and the oldest is null without held keys. */
export function readHeldCount(row: {
  keys: number | string;
  oldest_ms: number | string | null;
  ahead: number | string;
}): HeldCount {
  return countOf(Number(row.keys), row.oldest_ms === null ? undefined : Number(row.oldest_ms), Number(row.ahead));
}

const countOf = (keys: number, oldestMs: number | undefined, ahead: number): HeldCount => ({
  keys,
  ...(oldestMs !== undefined && { oldestMs: Math.max(0, oldestMs) }),
  ...(ahead > 0 && { ahead }),
});

/** The advice to a person about held keys, as a sentence; none where each is held for a short time only. */
export function heldWarnings({ keys, oldestMs = 0, ahead = 0 }: HeldCount): string[] {
  if (ahead > 0) {
    const warned = heldWarnings({ keys, oldestMs });
    return [
      ...warned,
      `${ahead} running keys have times in the future: the clock was set back. See once-again keys list --odd.`,
    ];
  }
  if (oldestMs < heldMsMax) return [];
  const count =
    keys >= heldCountMax ? `${keys} keys or more are held` : keys === 1 ? "1 key is held" : `${keys} keys are held`;
  const hours = Math.floor(oldestMs / 3_600_000);
  return [
    `${count}, the oldest for ${hours} h: nothing says whether their operations happened. Look their effects up, and ` +
      "settle them: once-again keys list --state held.",
  ];
}
