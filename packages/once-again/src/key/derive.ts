import { checkNumber } from "../core/options.ts";
import { writeUuid } from "./key.ts";

/** The parts of a derived key. The same parts always give the same key. */
export interface DerivedKeyParts {
  /** The scope of the operation that derives it. */
  scope: string;
  /** The key of the operation that derives it. */
  key: string;
  /** The name of the step that sends it. */
  name: string;
  /** Which time the step of that name runs in this operation, from 1; default 1. */
  occurrence?: number | undefined;
}

/**
 * Derives the key for a call to another service from the key of the operation that makes it.
 *
 * It is an HMAC-SHA256 over scope, key, name and occurrence, written as a UUID (version 8, RFC 9562 section 5.8). It
 * holds no attempt number, no fence and no row id, so a re-run sends the same key even after our own store was lost.
 *
 * @param secret at least 16 bytes, the same on every server; it keeps callers from guessing each other's derived keys.
 * @throws OnceAgainError `ONCE_OPTION_INVALID` for a shorter secret.
 */
export async function deriveKey(secret: Uint8Array<ArrayBuffer>, parts: DerivedKeyParts): Promise<string> {
  checkNumber("secret.length", secret.length, { min: 16 });
  const algorithm = { name: "HMAC", hash: "SHA-256" };
  const hmacKey = await crypto.subtle.importKey("raw", secret, algorithm, false, ["sign"]);
  const message = JSON.stringify([parts.scope, parts.key, parts.name, parts.occurrence ?? 1]);
  const signature = await crypto.subtle.sign("HMAC", hmacKey, new TextEncoder().encode(message));
  const bytes = new Uint8Array(signature).slice(0, 16);
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x80;
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  return writeUuid(bytes);
}
