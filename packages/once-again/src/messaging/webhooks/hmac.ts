import { checkSecrets, type Secrets } from "./sender.ts";

const algorithm = { name: "HMAC", hash: "SHA-256" };

/** Whether a signature (HMAC-SHA256) is of this content, by one of the secrets. WebCrypto compares in constant time. */
export type VerifySignature = (
  signature: Uint8Array<ArrayBuffer> | undefined,
  content: Uint8Array<ArrayBuffer>,
) => Promise<boolean>;

/** @throws OnceAgainError `ONCE_OPTION_INVALID` for an invalid secret. */
export function hmacVerifier(secrets: Secrets): VerifySignature {
  const texts = checkSecrets(secrets);
  let keys: ReturnType<typeof importKeys> | undefined;
  const importKeys = () =>
    Promise.all(
      texts.map((text) => crypto.subtle.importKey("raw", new TextEncoder().encode(text), algorithm, false, ["verify"])),
    );
  return async (signature, content) => {
    if (signature === undefined) return false;
    keys ??= importKeys();
    const holds = (await keys).map((key) => crypto.subtle.verify("HMAC", key, signature, content));
    return (await Promise.all(holds)).includes(true);
  };
}

/** The 32 bytes that a header has in hexadecimal; `undefined` for anything else. */
export function hexBytes(text: string | undefined): Uint8Array<ArrayBuffer> | undefined {
  if (text === undefined || !/^[\da-f]{64}$/i.test(text)) return undefined;
  return Uint8Array.from(text.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
}

/** The 32 bytes that a header has in base64; `undefined` for anything else. */
export function base64Bytes(text: string | undefined): Uint8Array<ArrayBuffer> | undefined {
  if (text === undefined || !/^[\da-z+/]{43}=$/i.test(text)) return undefined;
  return Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
}
