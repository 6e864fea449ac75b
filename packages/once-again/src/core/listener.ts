/** Gets the events of one call, one server or one store. */
export type Listener<Event> = (event: Event) => void;

/**
 * Calls a listener. What it throws, or what its promise rejects with, is dropped: watching a call must not break it.
 */
export function notify<Event>(listener: Listener<Event> | undefined, event: Event): void {
  if (listener === undefined) return;
  try {
    const returned: unknown = listener(event);
    if (returned instanceof Promise) returned.catch(() => undefined);
  } catch {
    // Dropped: see above.
  }
}
