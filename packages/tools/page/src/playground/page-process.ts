import type { Clock } from "once-again";

/** A process that can die. A dead process gets nothing that it waited for, and does nothing any more. */
export interface PageProcess {
  /** Timers of a life that is over never fire. */
  readonly clock: Clock;
  readonly isAlive: boolean;
  /** 1, and one more with every start. */
  readonly life: number;
  /** Does something outside of the process: not once it is dead, and its result never reaches a dead process. */
  reach<Value>(work: () => Value | PromiseLike<Value>): Promise<Value>;
  die(): void;
  start(): void;
}

export function pageProcess(clock: Clock): PageProcess {
  let life = 1;
  let isAlive = true;
  const never = new Promise<never>(() => undefined);
  return {
    clock: {
      ...clock,
      timer(delayMs, callback) {
        const born = life;
        return clock.timer(delayMs, () => {
          if (isAlive && born === life) callback();
        });
      },
    },
    get isAlive() {
      return isAlive;
    },
    get life() {
      return life;
    },
    async reach(work) {
      const born = life;
      const lives = (): boolean => isAlive && born === life;
      if (!lives()) return never;
      try {
        const value = await work();
        return lives() ? value : await never;
      } catch (error) {
        if (!lives()) return never;
        throw error;
      }
    },
    die: () => void (isAlive = false),
    start() {
      life += 1;
      isAlive = true;
    },
  };
}
