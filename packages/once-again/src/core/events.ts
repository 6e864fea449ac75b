/** Hears the events of one call, one server or one store. */
export type Listener<Event> = (event: Event) => void;

/**
 * Tells a listener. What the listener throws, or what its promise rejects with, is dropped: watching a call must not
 * be able to break it.
 */
export function notify<Event>(listener: Listener<Event> | undefined, event: Event): void {
  if (listener === undefined) return;
  try {
    const returned: unknown = listener(event);
    if (returned instanceof Promise) returned.catch(() => undefined);
  } catch {
    // A listener's fault is the listener's: see above.
  }
}
