import type { Dispatcher } from "undici";

/** Headers of a response as texts: undici gives them as bytes, in Latin-1, as they came. */
export function latin1Headers(raw: Dispatcher.DispatchController["rawHeaders"]): string[] {
  if (!Array.isArray(raw)) return [];
  return raw.map((text) => (typeof text === "string" ? text : text.toString("latin1")));
}
