import { checkNames } from "../../core/option-names.ts";
import { checkNumber } from "../../core/options.ts";

/** How many calls run and wait. */
export interface ConcurrencyLimitOptions {
  /** The most calls that run at once: a whole number of at least 1. */
  readonly max: number;
  /** The most calls that wait for their turn: a whole number of at least 0, default 100. */
  readonly queueMax?: number | undefined;
}

/** The options, checked, with the default filled in. */
export type ConcurrencySettings = Readonly<Record<"max" | "queueMax", number>>;

/** @throws OnceAgainError `ONCE_OPTION_INVALID` for an option out of bounds. */
export function concurrencySettings(options: ConcurrencyLimitOptions): ConcurrencySettings {
  checkNames("concurrencyLimit", options, { max: true, queueMax: true });
  const max = checkNumber("max", options.max, { min: 1, integer: true });
  const queueMax = checkNumber("queueMax", options.queueMax ?? 100, { min: 0, integer: true });
  return Object.freeze({ max, queueMax });
}

/** The places of those who run at the same time. */
export interface Places {
  /**
   * What a newcomer is to do: `run`, with a place of its own; `wait` for a place that is handed on; or go away.
   *
   * @param waiting how many wait already.
   */
  enter(waiting: number): "run" | "wait" | "full";
  /** Gives up a place that nobody waits for. */
  free(): void;
}

/** The rule of a concurrency limit, without the calls. */
export function placesOf({ max, queueMax }: ConcurrencySettings): Places {
  let running = 0;
  return {
    enter(waiting) {
      if (running >= max) return waiting < queueMax ? "wait" : "full";
      running += 1;
      return "run";
    },
    free() {
      running -= 1;
    },
  };
}
