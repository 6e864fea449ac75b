import { onAbort } from "./on-abort.ts";

/**
 * Waits for a promise until a signal aborts. What it is a promise of goes on.
 *
 * @param signal missing: it is waited for without end.
 * @param onLateError is called with what the promise rejects with after that, since no caller gets it.
 * @throws the signal's reason.
 */
export function untilAborted<Value>(
  awaited: Promise<Value>,
  signal: AbortSignal | undefined,
  onLateError?: (error: unknown) => void,
): Promise<Value> {
  if (signal === undefined) return awaited;
  return new Promise((resolve, reject) => {
    const leave = (): void => reject(signal.reason as Error);
    const stopListening = signal.aborted ? undefined : onAbort(signal, leave);
    if (signal.aborted) leave();
    awaited
      .then(resolve, (error: unknown) => {
        if (signal.aborted) onLateError?.(error);
        reject(error);
      })
      .finally(() => stopListening?.());
  });
}
