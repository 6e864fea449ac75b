/** How many bytes are drawn at a time. One draw costs as much for 4 KiB as for a key's sixteen. */
const poolBytes = 4096;

const pool = new Uint8Array(poolBytes);
let used = poolBytes;

/**
 * Sixteen bytes of the machine's cryptographic source, never given out before. They stay as they are until the next call.
 */
export function randomBytes16(): Uint8Array {
  if (used === poolBytes) {
    crypto.getRandomValues(pool);
    used = 0;
  }
  used += 16;
  return pool.subarray(used - 16, used);
}
