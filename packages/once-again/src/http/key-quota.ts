import type { Clock } from "../core/clock.ts";
import { checkGroup } from "../core/option-names.ts";
import { checkNumber } from "../core/options.ts";
import { putLast } from "../core/put-last.ts";

/** How many new keys one scope may bring: `keysMax` at once, and as many again every `perMs`. */
export interface KeyQuota {
  /** A whole number of 1 or more. */
  readonly keysMax: number;
  /** Milliseconds, 1 or more. */
  readonly perMs: number;
}

/** Counts the new keys of each scope, in this process. */
export interface QuotaCount {
  /** Takes one, if there is one left. */
  take(scope: string): boolean;
  /** Gives one back that turned out not to be needed. */
  giveBack(scope: string): void;
  /** How long until there is one again when none is left, milliseconds. */
  readonly waitMs: number;
}

interface Bucket {
  keysLeft: number;
  atMs: number;
}

/** So many scopes are counted at a time; the one that was quiet for longest begins anew. */
const scopesMax = 10_000;

const unlimited: QuotaCount = { take: () => true, giveBack: () => undefined, waitMs: 0 };

/**
 * A token bucket for each scope; without a quota there is always one more.
 *
 * @throws OnceAgainError `ONCE_OPTION_INVALID` for a number out of bounds.
 */
export function quotaCount(quota: KeyQuota | undefined, clock: Clock): QuotaCount {
  if (quota === undefined) return unlimited;
  checkGroup("once-again", "limits.quota", quota, { keysMax: true, perMs: true });
  const { keysMax, perMs } = quota;
  checkNumber("limits.quota.keysMax", keysMax, { min: 1, integer: true });
  checkNumber("limits.quota.perMs", perMs, { min: 1 });
  // In the order of their last use.
  const buckets = new Map<string, Bucket>();

  const bucketOf = (scope: string): Bucket => {
    const now = clock.monotonic();
    const { keysLeft, atMs } = buckets.get(scope) ?? { keysLeft: keysMax, atMs: now };
    const bucket = { keysLeft: Math.min(keysMax, keysLeft + ((now - atMs) * keysMax) / perMs), atMs: now };
    putLast(buckets, scope, bucket, scopesMax);
    return bucket;
  };
  return {
    take(scope) {
      const bucket = bucketOf(scope);
      if (bucket.keysLeft < 1) return false;
      bucket.keysLeft -= 1;
      return true;
    },
    giveBack(scope) {
      const bucket = bucketOf(scope);
      bucket.keysLeft = Math.min(keysMax, bucket.keysLeft + 1);
    },
    waitMs: perMs / keysMax,
  };
}
