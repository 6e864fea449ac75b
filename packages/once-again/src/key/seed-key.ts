import { deriveKey } from "./derive.ts";

/** The operation that a key of a seed names. */
export interface SeededOperation {
  readonly origin: string;
  readonly method: string;
  /** The caller's own name for it. */
  readonly id: string;
}

/** "once" in ASCII: the first bytes of such a key, so that a server can tell it from one that was drawn at random. */
const mark = "6f6e6365";

const seedKeyPattern = new RegExp(`^${mark}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`, "i");

/**
 * The key of an operation that is found again wherever its seed is known: a UUID (version 8), of which 90 bits are an
 * HMAC-SHA256 under the seed.
 *
 * @param seed at least 16 bytes, a secret of one account or session.
 */
export async function deriveSeedKey(
  seed: Uint8Array<ArrayBuffer>,
  { origin, method, id }: SeededOperation,
): Promise<string> {
  const key = await deriveKey(seed, { scope: origin, key: method, name: id });
  return mark + key.slice(mark.length);
}

/** Whether a key was derived from a seed. */
export function isSeedKey(key: string): boolean {
  return seedKeyPattern.test(key);
}
