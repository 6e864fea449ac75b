import { checkNumber } from "../core/options.ts";
import type { Backoff } from "./backoff.ts";

/**
 * A backoff that always answers with a time, for what goes on in the background, where a throw would be heard by nobody.
 *
 * @param name what the option is called.
 * @param otherwise says how long where `backoff` throws, or answers with no time. `onFailure` hears of it.
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
