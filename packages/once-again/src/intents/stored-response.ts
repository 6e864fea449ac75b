import type { IntentAnswer } from "../stores/intent-store.ts";

/**
 * Not kept: what describes how the bytes travelled (`fetch` has decoded them), and cookies, which are secrets.
 */
const droppedHeaders: ReadonlySet<string> = new Set([
  "connection",
  "content-encoding",
  "content-length",
  "keep-alive",
  "set-cookie",
  "transfer-encoding",
]);

/**
 * Reads an answer to its end, and keeps up to `bytesMax` bytes of its body.
 *
 * @throws whatever reading throws, when the answer breaks off.
 */
export async function readResponse(response: Response, bytesMax: number): Promise<IntentAnswer> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  const reader = response.body?.getReader();
  for (let chunk = await reader?.read(); chunk !== undefined && !chunk.done; chunk = await reader?.read()) {
    chunks.push(chunk.value);
    length += chunk.value.byteLength;
    if (length > bytesMax) {
      await reader?.cancel();
      break;
    }
  }
  return {
    status: response.status,
    headers: [...response.headers].filter(([name]) => !droppedHeaders.has(name)),
    body: joinUpTo(chunks, Math.min(length, bytesMax)),
    truncated: length > bytesMax,
  };
}

function joinUpTo(chunks: readonly Uint8Array[], length: number): Uint8Array {
  const whole = new Uint8Array(length);
  let offset = 0;
  for (const chunk of chunks) {
    whole.set(chunk.subarray(0, length - offset), offset);
    offset += chunk.byteLength;
  }
  return whole;
}

/** What a kept answer's headers say. */
export function responseHeaders({ headers }: IntentAnswer): Headers {
  return new Headers(headers.map(([name, value]): [string, string] => [name, value]));
}
