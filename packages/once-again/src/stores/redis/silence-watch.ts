import type { Clock } from "../../core/clock.ts";

/** Notices a connection that owes every reply. */
export interface SilenceWatch {
  /** Counts a command that is sent. */
  readonly countCommand: () => void;
  /** Counts a reply, or a failure. */
  readonly countReply: () => void;
}

/**
 * A connection stays "ready" when its other end vanished silently, and each request on it waits until the kernel
 * gives up, many minutes later. So when another command is sent and nothing was answered for `msMax`, it is renewed.
 *
 * @param renew gives the connection up and makes another, if it seems to be in order.
 */
export function watchSilence(clock: Clock, msMax: number, renew: () => void): SilenceWatch {
  let unanswered = 0;
  let isFresh = true;
  /** When the first command was sent since the last reply. */
  let silentSince = 0;
  return {
    countCommand() {
      const now = clock.monotonic();
      if (isFresh || unanswered === 0) silentSince = now;
      isFresh = false;
      unanswered += 1;
      if (now - silentSince <= msMax) return;
      silentSince = now;
      renew();
    },
    countReply() {
      unanswered -= 1;
      isFresh = true;
    },
  };
}
