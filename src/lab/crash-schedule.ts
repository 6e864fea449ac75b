/** How far the work is at each crash, as a share of it: five crashes, evenly spread, none before the first order. */
const crashesAt = [0.1, 0.3, 0.5, 0.7, 0.9] as const;

/**
 * Calls `crash` at five points of a work of `total` steps, one crash after the other: one that comes due while the last
 * goes on begins when that has ended.
 *
 * @param onFailure hears the error of a crash that could not be carried out; there are no further ones then.
 * @returns `step`, to be called after each step; `settled`, which waits for the crash that is going on and calls off
 *   those after it, and answers how many there were.
 */
export function crashSchedule(
  total: number,
  crash: () => Promise<void>,
  onFailure: (error: unknown) => void,
): { step(): void; settled(): Promise<number> } {
  const points = crashesAt.map((share) => Math.ceil(share * total));
  let steps = 0;
  let crashes = 0;
  let isOver = false;
  let last: Promise<void> = Promise.resolve();

  const crashNext = async (): Promise<void> => {
    if (isOver) return;
    crashes += 1;
    try {
      await crash();
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
