import { joinBytes } from "../core/bytes.ts";
import { OnceAgainError } from "../core/errors.ts";

/**
 * Reads a stream to its end.
 *
 * @throws what `tooLarge` makes, as soon as there are more than `bytesMax` bytes; the rest is not read.
 */
export async function readBytes(
  stream: AsyncIterable<Uint8Array> | null,
  bytesMax: number,
  tooLarge: (bytesMax: number) => OnceAgainError,
): Promise<Uint8Array<ArrayBuffer>> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of stream ?? []) {
    length += chunk.length;
    if (length > bytesMax) throw tooLarge(bytesMax);
    chunks.push(chunk);
  }
  return joinBytes(chunks);
}

export function bodyTooLarge(bytesMax: number): OnceAgainError {
  return new OnceAgainError(
    "ONCE_BODY_TOO_LARGE",
    `The request's body is larger than the ${bytesMax} bytes allowed here.`,
  );
}

export function resultTooLarge(bytesMax: number): OnceAgainError {
  return new OnceAgainError(
    "ONCE_RESULT_TOO_LARGE",
    `The answer is larger than the ${bytesMax} bytes that are kept here. Raise resultBytesMax, or answer with a link.`,
  );
}

export function bodyConsumed(): OnceAgainError {
  return new OnceAgainError(
    "ONCE_BODY_CONSUMED",
    "The request's body was parsed before it could be fingerprinted. Put once-again in front of the parser, or let it " +
      "keep the bytes as request.rawBody.",
  );
}
