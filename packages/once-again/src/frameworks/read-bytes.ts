import { encodeChunk } from "../core/bytes.ts";
import { ByteCollector } from "../core/byte-collector.ts";
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
  const body = new ByteCollector(bytesMax);
  for await (const chunk of stream ?? []) {
    if (!body.add(encodeChunk(chunk))) throw tooLarge(bytesMax);
  }
  return body.bytes!;
}
