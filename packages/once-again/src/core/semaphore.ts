import { waitQueue } from "./wait-queue.ts";

/** Room for so many at a time. The others wait, in the order in which they came. */
export interface Semaphore {
  /** Takes a place. `undefined`: one was free, and nothing has to be waited for. */
  take(): Promise<void> | undefined;
  /** Leaves a place, to the one that waits for longest. */
  leave(): void;
}

export function semaphore(max: number): Semaphore {
  const queue = waitQueue();
  let inUse = 0;
  return {
    take() {
      if (inUse >= max) return queue.wait();
      inUse += 1;
      return undefined;
    },
    leave() {
      // The next one has it directly, so that no newcomer slips in before it.
      if (!queue.wakeFirst()) inUse -= 1;
    },
  };
}
