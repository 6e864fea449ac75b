/** A value at once, or a promise of it. */
export type Awaitable<Value> = Value | Promise<Value>;

/** Whether a value has to be waited for. What is there already need not: each wait is a turn of the queue. */
export function isPromise<Value>(answer: Awaitable<Value>): answer is Promise<Value> {
  return typeof answer === "object" && typeof (answer as { then?: unknown } | null)?.then === "function";
}

/** For a promise that is not read: its rejection would end the process. */
export function ignoreRejection(value: unknown): void {
  if (value instanceof Promise) value.catch(() => undefined);
}
