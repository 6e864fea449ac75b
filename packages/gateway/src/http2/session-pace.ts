import { tinyChunkPace } from "../tiny-chunk-pace.ts";

/** How far a session may be ahead of its pace, milliseconds: by one window of frames of one byte. */
const aheadMsMax = 66_000;

/** The pace of the small frames of a session, all its streams together. */
export interface SessionPace {
  readonly isHeldBack: boolean;
  count(chunk: Uint8Array): void;
  /** Holds all bodies of the session back when they came in more tiny chunks than they may. */
  check(): void;
  onResume(listener: () => void): void;
  offResume(listener: () => void): void;
  end(): void;
}

/**
 * Keeps a session from taking the event loop by frames of some bytes, as `tinyChunkPace` does of a connection of HTTP/1.1. A
 * caller may go on until the windows of its streams are used up: one that goes further ahead is no slow writer of small
 * rows, but an attacker.
 *
 * @param refuse ends the session.
 */
export function sessionPace(refuse: () => void): SessionPace {
  const listeners = new Set<() => void>();
  let isHeldBack = false;
  const pace = tinyChunkPace((now) => {
    isHeldBack = now;
    if (!now) for (const resume of listeners) resume();
  });
  return {
    get isHeldBack() {
      return isHeldBack;
    },
    count: (chunk) => pace.count(chunk),
    check() {
      if (pace.check() > aheadMsMax) refuse();
    },
    onResume: (listener) => void listeners.add(listener),
    offResume: (listener) => void listeners.delete(listener),
    end: () => pace.end(),
  };
}
