/** How far the work is at each crash, as a share of it: evenly spread, none before the first order. */
export const crashShares = {
  api: [0.1, 0.3, 0.5, 0.7, 0.9],
  /** Between those, and not at the end, when one of the callers may be done already. */
  callers: [0.2, 0.4, 0.6, 0.75],
} as const;

/**
 * Calls `crash` at some points of a work of `total` steps, one crash after the other: one that comes due while the last
 * goes on begins when that has ended.
 *
 * @param shares the points, as shares of the work.
 * @param crash resolves with whether it crashed anything (`false`: nothing was left to crash).
 * @param onFailure gets the error of a crash that failed; no further crash follows it.
 * @returns `step`, to be called after each step; `settled`, which waits for the crash that is going on and calls off
 *   those after it, and answers how many there were.
 */
export function crashSchedule(
  total: number,
  shares: readonly number[],
  crash: () => Promise<boolean>,
  onFailure: (error: unknown) => void,
): { step(): void; settled(): Promise<number> } {
  const points = shares.map((share) => Math.ceil(share * total));
  let steps = 0;
  let crashes = 0;
  let isOver = false;
  let last: Promise<void> = Promise.resolve();

  const crashNext = async (): Promise<void> => {
    if (isOver) return;
    try {
      if (await crash()) crashes += 1;
    } catch (error) {
      isOver = true;
      onFailure(error);
    }
  };
  return {
    step() {
      steps += 1;
      for (const point of points) if (point === steps) last = last.then(crashNext);
    },
    async settled() {
      isOver = true;
      await last;
      return crashes;
    },
  };
}
