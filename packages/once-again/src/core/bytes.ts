/** One array out of several. */
export function joinBytes(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    bytes.set(part, offset);
    offset += part.length;
  }
  return bytes;
}

/**
 * Bytes that the caller overwrites completely. Where there are Buffers they come from their pool: allocating a small
 * separate array takes longer than filling it.
 */
export function emptyBytes(length: number): Uint8Array<ArrayBuffer> {
  const pooled = globalThis.Buffer?.allocUnsafe(length);
  return pooled === undefined ? new Uint8Array(length) : new Uint8Array(pooled.buffer, pooled.byteOffset, length);
}

/**
 * The bytes of one chunk of a stream: a text in UTF-8, as Node's streams and adapters send it, and any view of a buffer.
 *
 * @throws TypeError for anything else, which no connection could send.
 */
export function encodeChunk(chunk: unknown): Uint8Array {
  if (chunk instanceof Uint8Array) return chunk;
  if (typeof chunk === "string") return new TextEncoder().encode(chunk);
  if (ArrayBuffer.isView(chunk)) return new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.byteLength);
  throw new TypeError("A body is made of bytes or text. Encode what else it is to be, as by JSON.stringify(…).");
}

/** A text has this character in the place of bytes that were not UTF-8, whichever they were. */
const replacement = "\ufffd";

/** The bytes of a text, unless different ones may have come to the same text. */
export function exactBytes(text: string): Uint8Array<ArrayBuffer> | undefined {
  return text.includes(replacement) ? undefined : new TextEncoder().encode(text);
}
