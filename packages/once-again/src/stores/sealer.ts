import { joinBytes } from "../core/bytes.ts";
import { OnceAgainError } from "../core/errors.ts";
import { checkNumber, invalidOptionError } from "../core/options.ts";
import type { RecordName } from "./store.ts";

/** A key that seals: 16 or 32 random bytes, and a name by which sealed bytes say which key opens them. */
export interface SealKey {
  /** 1 to 64 visible ASCII characters, never used for another key. */
  id: string;
  /** 16 bytes (AES-128) or 32 bytes (AES-256). */
  secret: Uint8Array<ArrayBuffer>;
}

/** The owner of sealed bytes: a record's result, one of its steps, the note of the person who settled it, or its details. */
export interface SealedPart extends RecordName {
  step?: string;
  fact?: "note" | "details";
}

/** Seals bytes for one part of one record, and opens them again. */
export interface Sealer {
  /** By how much sealed bytes are longer. */
  readonly overheadBytes: number;
  seal(part: SealedPart, bytes: Uint8Array): Promise<Uint8Array<ArrayBuffer>>;
  open(part: SealedPart, bytes: Uint8Array): Promise<Uint8Array<ArrayBuffer>>;
}

const formatVersion = 1;
const ivLength = 12;
const tagLength = 16;
const idPattern = /^[\x21-\x7e]{1,64}$/;

/** The id of the key that sealed some bytes; `undefined` for bytes that are not sealed. */
export function sealKeyId(bytes: Uint8Array): string | undefined {
  const [version, idLength = 0] = bytes;
  if (version !== formatVersion || bytes.length < 2 + idLength + ivLength + tagLength) return undefined;
  const id = new TextDecoder().decode(bytes.subarray(2, 2 + idLength));
  return idPattern.test(id) ? id : undefined;
}

/**
 * Seals with AES-GCM (NIST SP 800-38D) through WebCrypto. Scope, key and step are authenticated with the bytes, so
 * that what was sealed for one record or step can't be put into another.
 *
 * The layout: version (1 byte), length of the key's id (1 byte), the id, the IV (12 random bytes), the sealed bytes.
 *
 * @param keys the first seals, every one opens: to rotate, put a new key in front, and drop the old one when the
 *   retention of what it sealed is over.
 * @throws OnceAgainError `ONCE_OPTION_INVALID`.
 */
export function sealer(keys: readonly SealKey[]): Sealer {
  const imported = new Map(keys.map((key) => [checkedId(key.id), importKey(key)]));
  const [first] = keys;
  if (first === undefined || imported.size < keys.length) {
    throw invalidOptionError(
      "keys",
      "at least one seal key, each with its own id",
      keys.map((key) => key.id),
    );
  }

  return {
    overheadBytes: 2 + first.id.length + ivLength + tagLength,
    async seal(part, bytes) {
      const head = Uint8Array.of(formatVersion, first.id.length, ...new TextEncoder().encode(first.id));
      const iv = crypto.getRandomValues(new Uint8Array(ivLength));
      const key = await imported.get(first.id);
      const sealed = await crypto.subtle.encrypt(algorithm(iv, part), key!, Uint8Array.from(bytes));
      return joinBytes([head, iv, new Uint8Array(sealed)]);
    },
    async open(part, bytes) {
      const id = sealKeyId(bytes);
      if (id === undefined) throw cannotOpen(part, "It is not sealed.");
      const key = await imported.get(id);
      if (key === undefined)
        throw cannotOpen(part, `It was sealed with the key "${id}", which is not among the keys given.`);
      const idEnd = 2 + id.length;
      const iv = Uint8Array.from(bytes.subarray(idEnd, idEnd + ivLength));
      const sealed = Uint8Array.from(bytes.subarray(idEnd + ivLength));
      try {
        return new Uint8Array(await crypto.subtle.decrypt(algorithm(iv, part), key, sealed));
      } catch (cause) {
        throw cannotOpen(part, "It was changed, or put into another record.", cause);
      }
    },
  };
}

function importKey({ secret }: SealKey) {
  if (secret.length !== 16) checkNumber("secret.length", secret.length, { min: 32, max: 32 });
  return crypto.subtle.importKey("raw", secret, "AES-GCM", false, ["encrypt", "decrypt"]);
}

function checkedId(id: string): string {
  if (idPattern.test(id)) return id;
  throw invalidOptionError("id", "1 to 64 visible ASCII characters", id);
}

function algorithm(iv: Uint8Array<ArrayBuffer>, { scope, key, step, fact }: SealedPart) {
  const place = step === undefined ? [] : [step];
  const part = [scope, key, ...(fact === undefined ? place : ["", fact])];
  return { name: "AES-GCM", iv, additionalData: new TextEncoder().encode(JSON.stringify(part)) };
}

function cannotOpen({ scope, key, step, fact }: SealedPart, why: string, cause?: unknown): OnceAgainError {
  const part = step === undefined ? (fact ?? "result") : `step ${JSON.stringify(step)}`;
  return new OnceAgainError(
    "ONCE_SEAL_BROKEN",
    `The sealed ${part} of the key ${JSON.stringify(key)} in the scope ${JSON.stringify(scope)} can't be opened. ${why}`,
    { cause },
  );
}
