import { OnceAgainError } from "once-again";
import { decodeResponse, type HttpResponse } from "once-again/http";
import type { BrokenCode } from "./key-document.ts";
import { type SealedPart, sealer, type SealKey, sealKeyId } from "once-again/internal";

/** A stored result or step, as far as we can read it. */
export type StoredValue =
  | { readonly kind: "answer"; readonly answer: HttpResponse }
  | { readonly kind: "step"; readonly step: { readonly name: string; readonly value?: unknown; readonly begun?: true } }
  /** Sealed with the key of this id, which was not given. */
  | { readonly kind: "sealed"; readonly keyId: string }
  /** A seal that its key does not open, or a response that no route can have stored. */
  | { readonly kind: "broken"; readonly code: BrokenCode; readonly problem: string; readonly keyId?: string }
  | { readonly kind: "bytes"; readonly bytes: Uint8Array };

/** Makes a function that reads stored values, and opens sealed ones with these keys. */
export function valueReader(sealKeys: readonly SealKey[]) {
  const seals = sealKeys.length === 0 ? undefined : sealer(sealKeys);
  return async (part: SealedPart, bytes: Uint8Array): Promise<StoredValue> => {
    const keyId = sealKeyId(bytes);
    if (keyId === undefined) return readPlain(bytes);
    if (!sealKeys.some(({ id }) => id === keyId) || seals === undefined) return { kind: "sealed", keyId };
    try {
      return readPlain(await seals.open(part, bytes));
    } catch (error) {
      if (!OnceAgainError.isInstance(error, "ONCE_SEAL_BROKEN")) throw error;
      return { kind: "broken", code: "ONCE_SEAL_BROKEN", problem: error.message, keyId };
    }
  };
}

/** Results of HTTP routes and steps have a known form. Anything else is bytes. */
function readPlain(bytes: Uint8Array): StoredValue {
  return readAnswer(bytes) ?? readStep(bytes) ?? { kind: "bytes", bytes };
}

function readAnswer(bytes: Uint8Array): StoredValue | undefined {
  try {
    return { kind: "answer", answer: decodeResponse(bytes) };
  } catch (error) {
    // A call's result has a first line, too, but one without headers.
    return hasHeaders(bytes)
      ? { kind: "broken", code: "ONCE_RECORD_BROKEN", problem: (error as Error).message }
      : undefined;
  }
}

function hasHeaders(bytes: Uint8Array): boolean {
  const headEnd = bytes.indexOf(0x0a);
  const head = tryParse(() => JSON.parse(new TextDecoder().decode(bytes.subarray(0, Math.max(0, headEnd)))) as unknown);
  return typeof head === "object" && head !== null && "headers" in head;
}

function readStep(bytes: Uint8Array): StoredValue | undefined {
  const step = tryParse(() => JSON.parse(new TextDecoder().decode(bytes)) as { name: string } | null);
  return typeof step?.name === "string" ? { kind: "step", step } : undefined;
}

function tryParse<Value>(parse: () => Value): Value | undefined {
  try {
    return parse();
  } catch {
    return undefined;
  }
}
