import type { ErrorCode } from "../core/error-codes.ts";

/** The codes by which a server of once-again vouches that a request it turned away had no effect. */
const noEffectCodes: ReadonlySet<unknown> = new Set<ErrorCode>([
  "ONCE_CLOSED",
  "ONCE_NO_EFFECT",
  "ONCE_QUOTA_EXCEEDED",
  "ONCE_STORE_UNAVAILABLE",
]);

/** Ours are a few hundred bytes. */
const textLengthMax = 16_384;

/** Whether a body, as text, as bytes or parsed already, is a problem of once-again's that says that nothing happened. */
export function saysNoEffect(body: unknown): boolean {
  const bytes = body instanceof ArrayBuffer ? new Uint8Array(body) : body;
  if (bytes instanceof Uint8Array) {
    return bytes.byteLength <= textLengthMax && saysNoEffect(new TextDecoder().decode(bytes));
  }
  if (typeof body !== "string") return typeof body === "object" && body !== null && noEffectCodes.has(codeOf(body));
  if (body.length > textLengthMax) return false;
  try {
    return noEffectCodes.has(codeOf(JSON.parse(body)));
  } catch {
    return false;
  }
}

function codeOf(problem: unknown): unknown {
  return typeof problem === "object" && problem !== null && "code" in problem ? problem.code : undefined;
}

/** Whether an answer can be such a problem by its status and headers, so that its body is worth a look. */
export function mayBeNoEffectProblem(answer: {
  readonly status: number;
  readonly headers: { get(name: string): string | null };
}): boolean {
  return answer.status === 503 && /^application\/problem\+json\b/i.test(answer.headers.get("content-type") ?? "");
}

/** Looks into a response and leaves its body to be read. It never rejects: a body that can't be read says nothing. */
export async function responseSaysNoEffect(response: Response): Promise<boolean> {
  if (!mayBeNoEffectProblem(response) || response.bodyUsed) return false;
  try {
    const reader = response.clone().body?.pipeThrough(new TextDecoderStream()).getReader();
    let text = "";
    for (let part = await reader?.read(); part?.done === false; part = await reader?.read()) {
      text += part.value;
      if (text.length <= textLengthMax) continue;
      // The other copy is read on only if the caller wants it.
      void reader?.cancel().catch(() => undefined);
      return false;
    }
    return saysNoEffect(text);
  } catch {
    return false;
  }
}
