import process from "node:process";

/** A batch takes at least this much processor time: its clock may tick every 10 ms, microseconds. */
const batchMicroseconds = 50_000;

/** Between linear and quadratic growth: what `cpuGrowth` of linear work stays below. */
export const linearGrowthMax = 9;

/**
 * How many times as much processor time `work` takes for an input of four times the size: about 4 where it is linear, 16
 * where it is quadratic. Only the time of this thread counts, and the fastest of three batches, so other work on the
 * machine does not.
 */
export function cpuGrowth(size: number, work: (size: number) => void): number {
  // Compiled code is measured, not the compiler.
  microsecondsOf(size, work);
  return leastMicroseconds(size * 4, work) / leastMicroseconds(size, work);
}

function leastMicroseconds(size: number, work: (size: number) => void): number {
  return Math.min(...[1, 2, 3].map(() => microsecondsOf(size, work)));
}

/** The mean of as many runs as fill a batch. */
function microsecondsOf(size: number, work: (size: number) => void): number {
  const before = process.threadCpuUsage();
  for (let runs = 1; ; runs += 1) {
    work(size);
    const { user, system } = process.threadCpuUsage(before);
    if (user + system >= batchMicroseconds) return (user + system) / runs;
  }
}
