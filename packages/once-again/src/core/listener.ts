import { ignoreRejection } from "./awaitable.ts";

/** Gets the events of one call, one server or one store. */
export type Listener<Event> = (event: Event) => void;

/** Where an error comes from, and the names by which a person finds its operation or message. Never a payload. */
export interface ErrorSubject {
  /** The part of the library: the word is the first one of its line in the log. */
  readonly room: string;
  readonly [name: string]: string | number | undefined;
}

/** Gets errors that an operator must know of, with what they are about, as far as that is known. */
export type ErrorListener = (error: unknown, about?: ErrorSubject) => void;

/**
 * Calls a listener. What it throws, or what its promise rejects with, is dropped: watching a call must not break it.
 */
export function notify<Event, More extends readonly unknown[]>(
  listener: ((event: Event, ...more: More) => unknown) | undefined,
  event: Event,
  ...more: More
): void {
  if (listener === undefined) return;
  try {
    ignoreRejection(listener(event, ...more));
  } catch {
    // Dropped: see above.
  }
}
