import { type Listener, notify } from "../core/listener.ts";
import { invalidOptionError } from "../core/options.ts";

/**
 * Makes one listener out of several, for an `onEvent` of any kind: each is called with each event, in this order. What one
 * throws, or its promise rejects with, is dropped, and the others are called all the same.
 *
 * @param listeners `undefined` stands for none.
 * @throws OnceAgainError `ONCE_OPTION_INVALID` for what is no function.
 * @example
 * ```ts
 * import { metrics } from "@opentelemetry/api";
 *
 * const onEvent = combineListeners(serverTelemetry({ meter: metrics.getMeter("shop") }), (event) => {
 *   if (event.type === "outcome-unknown") console.warn("Look this up:", event.scope, event.key);
 * });
 * ```
 */
export function combineListeners<Event>(...listeners: readonly (Listener<Event> | undefined)[]): Listener<Event> {
  for (const listener of listeners) {
    if (listener !== undefined && typeof listener !== "function") {
      throw invalidOptionError("a listener", "a function", listener);
    }
  }
  return (event) => {
    for (const listener of listeners) notify(listener, event);
  };
}
