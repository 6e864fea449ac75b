/** Runs calls for one key one after the other, in the order in which they came. Those for other keys are not held up. */
export function keyQueue(): <Value>(key: string, call: () => Promise<Value>) => Promise<Value> {
  const last = new Map<string, Promise<unknown>>();
  return async (key, call) => {
    const before = last.get(key);
    const called = before === undefined ? call() : before.then(call, call);
    last.set(key, called);
    try {
      return await called;
    } finally {
      if (last.get(key) === called) last.delete(key);
    }
  };
}
