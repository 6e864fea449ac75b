import { OnceAgainError } from "once-again";
import { decodeAnswer, type HttpAnswer } from "once-again/http";
import { sealer, type SealedPart, type SealKey, sealKeyId } from "once-again/engine";

/** What a store keeps as a result or a step, as far as we can read it. */
export type Kept =
  | { readonly kind: "answer"; readonly answer: HttpAnswer }
  | { readonly kind: "step"; readonly step: { readonly name: string; readonly value?: unknown; readonly begun?: true } }
  /** Sealed with the key of this id, which was not given, or does not open it. */
  | { readonly kind: "sealed"; readonly keyId: string }
  | { readonly kind: "bytes"; readonly bytes: Uint8Array };

/** Reads what is kept for a record; what is sealed is opened with the keys given. */
export function keptReader(sealKeys: readonly SealKey[]) {
  const seals = sealKeys.length === 0 ? undefined : sealer(sealKeys);
  return async (part: SealedPart, bytes: Uint8Array): Promise<Kept> => {
    const keyId = sealKeyId(bytes);
    if (keyId === undefined) return contentOf(bytes);
    if (!sealKeys.some(({ id }) => id === keyId) || seals === undefined) return { kind: "sealed", keyId };
    try {
      return contentOf(await seals.open(part, bytes));
    } catch (error) {
      if (OnceAgainError.isInstance(error, "ONCE_SEAL_BROKEN")) return { kind: "sealed", keyId };
      throw error;
    }
  };
}

/** Results of HTTP routes and steps have a form; what other transports keep is bytes to us. */
function contentOf(bytes: Uint8Array): Kept {
  return answerOf(bytes) ?? stepOf(bytes) ?? { kind: "bytes", bytes };
}

function answerOf(bytes: Uint8Array): Kept | undefined {
  const answer = parsed(() => decodeAnswer(bytes));
  const isAnswer = typeof answer?.status === "number" && Array.isArray(answer.headers);
  return isAnswer ? { kind: "answer", answer } : undefined;
}

function stepOf(bytes: Uint8Array): Kept | undefined {
  const step = parsed(() => JSON.parse(new TextDecoder().decode(bytes)) as { name: string } | null);
  return typeof step?.name === "string" ? { kind: "step", step } : undefined;
}

function parsed<Value>(parse: () => Value): Value | undefined {
  try {
    return parse();
  } catch {
    return undefined;
  }
}
