import { checkNumber } from "../core/options.ts";
import type { Backoff } from "./backoff.ts";

/**
 * A backoff that always returns a time, for background work, where a thrown error would be lost.
 *
 * @param name the name of the option.
 * @param otherwise the backoff used where `backoff` throws, or returns no time. `onFailure` gets that error.
 */
export function steadyBackoff(
  name: string,
  backoff: Backoff,
  otherwise: Backoff,
  onFailure: (error: unknown) => void,
): Backoff {
  return (context) => {
    try {
      return checkNumber(`${name}'s delay`, backoff(context), { min: 0, max: Number.MAX_SAFE_INTEGER });
    } catch (error) {
      onFailure(error);
      return otherwise(context);
    }
  };
}
