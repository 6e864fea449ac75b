import { checkNumber, invalidOptionError } from "../core/options.ts";

/** @throws OnceAgainError `ONCE_OPTION_INVALID` for a limit out of bounds. */
export function checkListLimit({ limit = 100 }: { limit?: number | undefined }): number {
  return checkNumber("limit", limit, { min: 1, max: 1000, integer: true });
}

/** Before the first message: positions are from 1. */
const firstPosition = "0";

/**
 * The position after which a page of an outbox begins.
 *
 * @throws OnceAgainError `ONCE_OPTION_INVALID` for what is no position.
 */
export function checkAfter({ after = firstPosition }: { after?: string | undefined }): string {
  if (typeof after === "string" && /^\d{1,15}$/.test(after)) return after;
  throw invalidOptionError("after", "the position of a message, as listParked gave it", after);
}
