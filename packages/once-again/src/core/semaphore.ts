import { onAbort } from "./on-abort.ts";

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

/** Callers who wait for something, first come first served. An abort takes a caller out of the line. */
export interface WaitQueue {
  size(): number;
  /**
   * Waits to be woken; without a signal, until then.
   *
   * @throws the signal's `reason`, at once, when it aborts.
   */
  wait(signal?: AbortSignal): Promise<void>;
  /** Wakes the waiter that has waited longest. `false` if there is no waiter. */
  wakeFirst(): boolean;
  wakeAll(): void;
}

export function waitQueue(): WaitQueue {
  // A set keeps the order of insertion, and lets anyone leave from the middle.
  const line = new Set<() => void>();
  const wakeFirst = (): boolean => {
    const [wake] = line;
    wake?.();
    return wake !== undefined;
  };
  return {
    size: () => line.size,
    wait: (signal) =>
      new Promise((resolve, reject) => {
        if (signal?.aborted) {
          reject(signal.reason);
          return;
        }
        const leave = (): void => {
          line.delete(wake);
          stopListening?.();
        };
        const wake = (): void => {
          leave();
          resolve();
        };
        line.add(wake);
        const stopListening =
          signal &&
          onAbort(signal, () => {
            leave();
            reject(signal.reason);
          });
      }),
    wakeFirst,
    wakeAll() {
      while (wakeFirst());
    },
  };
}
