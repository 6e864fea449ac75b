import { checkNumber } from "../core/options.ts";

/** @throws OnceAgainError `ONCE_OPTION_INVALID` for a limit out of bounds. */
export function checkListLimit({ limit = 100 }: { limit?: number | undefined }): number {
  return checkNumber("limit", limit, { min: 1, max: 1000, integer: true });
}
