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
 * Bytes to be overwritten, all of them. Where there are Buffers they come out of their pool: a small array of its own
 * takes longer to make than to fill.
 */
export function emptyBytes(length: number): Uint8Array<ArrayBuffer> {
  const pooled = globalThis.Buffer?.allocUnsafe(length);
  return pooled === undefined ? new Uint8Array(length) : new Uint8Array(pooled.buffer, pooled.byteOffset, length);
}
