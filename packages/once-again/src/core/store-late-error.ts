import { OnceAgainError } from "./errors.ts";

/** The error of a store that took longer than it has for one answer. */
export function storeLateError(msMax: number): OnceAgainError {
  const text = `The store's database did not answer for ${Math.round(msMax)} ms.`;
  return new OnceAgainError("ONCE_STORE_UNAVAILABLE", text);
}
