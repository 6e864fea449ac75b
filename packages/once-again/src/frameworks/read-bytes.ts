import { joinBytes } from "../core/bytes.ts";
import type { OnceAgainError } from "../core/errors.ts";

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
