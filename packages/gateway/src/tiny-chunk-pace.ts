/** Chunks of less than this many bytes are tiny, in proportion to what they lack. */
const tinyBytes = 64;

/** How many empty chunks a connection may send per second. Node needs some microseconds for each. */
const tinyPerSecond = 1000;

/** How many it may send at once after a pause. */
const burstMs = 1000;

/** Measures the tiny chunks of one body. */
export interface TinyChunkPace {
  count(chunk: Uint8Array): void;
  /**
   * Holds the connection back when it has sent more tiny chunks than it may, until its time has caught up.
   *
   * @returns how long that takes, milliseconds; 0 or less: it is not held back.
   */
  check(): number;
  end(): void;
}

/**
 * Keeps a body in tiny chunks from taking the event loop: a chunk costs the same however small it is, so 64 KiB in chunks
 * of one byte cost as much as 10,000 bodies. A connection that sends more than 1,000 such chunks per second is read at
 * that pace; bodies in chunks of 64 bytes or more are never held back.
 *
 * @param holdBack stops reading the connection, or reads it again.
 */
export function tinyChunkPace(holdBack: (isHeldBack: boolean) => void): TinyChunkPace {
  let tinyChunks = 0;
  /** Up to when the tiny chunks so far have used up the time of their connection. */
  let usedUntil = -Infinity;
  let timer: NodeJS.Timeout | undefined;
  return {
    count({ length }) {
      if (length < tinyBytes) tinyChunks += 1 - length / tinyBytes;
    },
    check() {
      const now = performance.now();
      if (tinyChunks < 1) return usedUntil - now;
      usedUntil = Math.max(usedUntil, now - burstMs) + (tinyChunks / tinyPerSecond) * 1000;
      tinyChunks = 0;
      const aheadMs = usedUntil - now;
      if (aheadMs <= 0 || timer !== undefined) return aheadMs;
      holdBack(true);
      timer = setTimeout(() => {
        timer = undefined;
        holdBack(false);
      }, aheadMs);
      return aheadMs;
    },
    end() {
      clearTimeout(timer);
    },
  };
}
