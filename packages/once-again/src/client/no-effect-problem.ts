import { ByteCollector } from "../core/bytes.ts";
import type { ErrorCode } from "../core/error-codes.ts";
import { cancelReader, readChunks } from "./read-stream.ts";

/** The codes by which a server of once-again vouches that a request it turned away had no effect. */
const noEffectCodes: readonly unknown[] = [
  "ONCE_CLOSED",
  "ONCE_NO_EFFECT",
  "ONCE_QUOTA_EXCEEDED",
  "ONCE_STORE_UNAVAILABLE",
] satisfies ErrorCode[];

/** Ours are a few hundred bytes. */
const textLengthMax = 16_384;

/** Whether a body, as text, as bytes or parsed already, is a problem of once-again's that says that nothing happened. */
export function saysNoEffect(body: unknown): boolean {
  const bytes = body instanceof ArrayBuffer ? new Uint8Array(body) : body;
  if (bytes instanceof Uint8Array) {
    return bytes.byteLength <= textLengthMax && saysNoEffect(new TextDecoder().decode(bytes));
  }
  return typeof body === "string" ? textSaysNoEffect(body) : noEffectCodes.includes(codeOf(body));
}

function textSaysNoEffect(text: string): boolean {
  try {
    return text.length <= textLengthMax && noEffectCodes.includes(codeOf(JSON.parse(text)));
  } catch {
    return false;
  }
}

function codeOf(problem: unknown): unknown {
  return typeof problem === "object" && problem !== null && "code" in problem ? problem.code : undefined;
}

/** Whether a body is a problem (RFC 9457), by its headers. */
export function isProblem(headers: { get(name: string): string | null }): boolean {
  return /^application\/problem\+json\b/i.test(headers.get("content-type") ?? "");
}

/** Whether an answer can be such a problem by its status and headers, so that its body is worth a look. */
export function mayBeNoEffectProblem(answer: {
  readonly status: number;
  readonly headers: { get(name: string): string | null };
}): boolean {
  return answer.status === 503 && isProblem(answer.headers);
}

/** Looks into a response and leaves its body to be read. It never rejects: a body that can't be read says nothing. */
export async function responseSaysNoEffect(response: Response): Promise<boolean> {
  if (!mayBeNoEffectProblem(response) || response.bodyUsed) return false;
  try {
    const reader = response.clone().body?.getReader();
    const body = new ByteCollector(textLengthMax);
    if (await readChunks(reader, (chunk) => body.add(chunk)))
      return textSaysNoEffect(new TextDecoder().decode(body.bytes));
    // The other copy is read on only if the caller wants it.
    cancelReader(reader);
    return false;
  } catch {
    return false;
  }
}
