import { checkNames } from "../../core/option-names.ts";
import { checkNumber } from "../../core/options.ts";

/** How many calls run and wait. */
export interface ConcurrencyLimitOptions {
  /** The most calls that run at once: a whole number of at least 1. */
  readonly runningMax: number;
  /** The most calls that wait for their turn: a whole number of at least 0, default 100. */
  readonly queueMax?: number | undefined;
}

/** The options, checked, with the default filled in. */
export type ConcurrencySettings = Readonly<Record<"runningMax" | "queueMax", number>>;

/** @throws OnceAgainError `ONCE_OPTION_INVALID` for an option out of bounds. */
export function concurrencySettings(options: ConcurrencyLimitOptions): ConcurrencySettings {
  checkNames("concurrencyLimit", options, { runningMax: true, queueMax: true });
  const runningMax = checkNumber("runningMax", options.runningMax, { min: 1, integer: true });
  const queueMax = checkNumber("queueMax", options.queueMax ?? 100, { min: 0, integer: true });
  return Object.freeze({ runningMax, queueMax });
}

/** How many calls run, and what a new one is to do. */
export interface ConcurrencyState {
  /**
   * Decides what a new call does: `run`; `wait` until a running call ends; or not run at all, since the queue is `full`.
   *
   * @param waiting how many wait already.
   */
  enter(waiting: number): "run" | "wait" | "full";
  /** A call has ended, and none waits. */
  leave(): void;
}

/** The rule of a concurrency limit, without the calls. */
export function concurrencyState({ runningMax, queueMax }: ConcurrencySettings): ConcurrencyState {
  let running = 0;
  return {
    enter(waiting) {
      if (running >= runningMax) return waiting < queueMax ? "wait" : "full";
      running += 1;
      return "run";
    },
    leave() {
      running -= 1;
    },
  };
}
