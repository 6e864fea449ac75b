/** How often callers waited for between `fromMs` (included) and `toMs` (excluded; null: no bound) milliseconds. */
export interface WaitBucket {
  readonly fromMs: number;
  readonly toMs: number | null;
  readonly count: number;
}

/** The pauses before retries. */
export interface Waits {
  readonly count: number;
  readonly meanMs: number;
  readonly maxMs: number;
  /** All buckets, from the shortest wait to the longest, also those that are empty. */
  readonly histogram: readonly WaitBucket[];
}

/** Doubling widths: a backoff that doubles then gains one bucket a retry. */
const boundsMs = [0, 10, 20, 40, 80, 160, 320, 640, 1280] as const;

/** Sums up waits, in milliseconds. */
export function summarizeWaits(waitsMs: readonly number[]): Waits {
  const histogram = boundsMs.map((fromMs, index) => {
    const toMs = boundsMs[index + 1] ?? null;
    const count = waitsMs.filter((waitMs) => waitMs >= fromMs && waitMs < (toMs ?? Infinity)).length;
    return { fromMs, toMs, count };
  });
  const sumMs = waitsMs.reduce((sum, waitMs) => sum + waitMs, 0);
  return {
    count: waitsMs.length,
    meanMs: waitsMs.length === 0 ? 0 : roundToTenths(sumMs / waitsMs.length),
    maxMs: roundToTenths(waitsMs.reduce((max, waitMs) => Math.max(max, waitMs), 0)),
    histogram,
  };
}

/** To tenths: more digits would claim more than timers keep. */
const roundToTenths = (ms: number): number => Math.round(ms * 10) / 10;
