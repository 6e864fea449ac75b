/** The listeners of a signal, and the one of the platform's that calls them. */
interface SharedListener {
  readonly listeners: Set<() => void>;
  readonly callAll: () => void;
}

const shared = new WeakMap<AbortSignal, SharedListener>();

/**
 * Calls `listener` when a signal aborts that has not yet.
 *
 * All listeners of one signal share one of the platform's: Node looks through all that a signal has for each that is added or removed, so
 * that thousands of calls with one signal would take seconds for nothing else.
 *
 * @returns a function that ends that; calling it late or twice does nothing.
 */
export function onAbort(signal: AbortSignal, listener: () => void): () => void {
  const { listeners, callAll } = shared.get(signal) ?? share(signal);
  listeners.add(listener);
  return () => {
    if (!listeners.delete(listener) || listeners.size > 0) return;
    shared.delete(signal);
    signal.removeEventListener("abort", callAll);
  };
}

function share(signal: AbortSignal): SharedListener {
  const listeners = new Set<() => void>();
  const callAll = (): void => {
    for (const listener of listeners) {
      try {
        listener();
      } catch (error) {
        // As with listeners of the platform: the others are called, and the error is an uncaught one.
        queueMicrotask(() => {
          throw error;
        });
      }
    }
  };
  signal.addEventListener("abort", callAll, { once: true });
  const made = { listeners, callAll };
  shared.set(signal, made);
  return made;
}
