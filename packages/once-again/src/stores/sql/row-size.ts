import { OnceAgainError } from "../../core/errors.ts";

/** How large a result may be in a Durable Object or in D1, bytes: a row of theirs has up to 2,000,000. */
export const resultBytesMax = 1_900_000;

/** @returns the result. @throws OnceAgainError `ONCE_RESULT_TOO_LARGE`. */
export function checkRowSize(result: Uint8Array): Uint8Array {
  if (result.byteLength > resultBytesMax) throw tooLargeError();
  return result;
}

/** The error for a row that Cloudflare refuses since it is too large; `undefined` for any other reason. */
export function rowTooLargeError(error: unknown): OnceAgainError | undefined {
  return /SQLITE_TOOBIG|too big/.test(String(error)) ? tooLargeError(error) : undefined;
}

function tooLargeError(cause?: unknown): OnceAgainError {
  return new OnceAgainError(
    "ONCE_RESULT_TOO_LARGE",
    "The result, or the checkpoints together, would be larger than a row of Cloudflare may be. Answer with a link to what is large; a " +
      `result has at most ${resultBytesMax} bytes.`,
    { cause },
  );
}
