/** Calls that run at the same time, except for those that have to run alone. */
export interface SharedExclusiveLock {
  /** Runs a call at once, or when the calls that have to be alone have ended. */
  together<Value>(call: () => Promise<Value>): Promise<Value>;
  /** Runs a call when all others have ended; what comes later waits for it. */
  alone<Value>(call: () => Promise<Value>): Promise<Value>;
}

export function sharedExclusiveLock(): SharedExclusiveLock {
  const running = new Set<Promise<unknown>>();
  /** The end of the last call that has to be alone, while there is one. */
  let last: Promise<unknown> | undefined;
  return {
    async together(call) {
      // Another one may have come while this one waited.
      for (let end = last; end !== undefined; end = last) await end;
      const called = call();
      running.add(called);
      try {
        return await called;
      } finally {
        running.delete(called);
      }
    },
    async alone(call) {
      const before = last;
      const called = (async () => {
        await before;
        await Promise.allSettled(running);
        return call();
      })();
      const ended = called.then(
        () => undefined,
        () => undefined,
      );
      last = ended;
      try {
        return await called;
      } finally {
        if (last === ended) last = undefined;
      }
    },
  };
}
