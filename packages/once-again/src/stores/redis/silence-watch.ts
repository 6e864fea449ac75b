import type { Clock } from "../../core/clock.ts";

/** Notices a connection that owes every answer. */
export interface SilenceWatch {
  /** Something was asked. */
  readonly asked: () => void;
  /** Something was answered, or failed. */
  readonly answered: () => void;
}

/**
 * A connection whose other end vanished without a word stays "ready", and whoever asks over it waits until the kernel
 * gives up, many minutes later. So when more is asked and nothing was answered for `msMax`, it is renewed.
 *
 * @param renew gives the connection up and makes another, if it seems to be in order.
 */
export function watchSilence(clock: Clock, msMax: number, renew: () => void): SilenceWatch {
  let owed = 0;
  /** When something was answered last, or when the first of what is owed was asked. */
  let heardAt = 0;
  return {
    asked() {
      const now = clock.monotonic();
      if (owed === 0) heardAt = now;
      owed += 1;
      if (now - heardAt <= msMax) return;
      heardAt = now;
      renew();
    },
    answered() {
      owed -= 1;
      heardAt = clock.monotonic();
    },
  };
}
