import { ByteCollector } from "../core/bytes.ts";
import type { IntentAnswer } from "../stores/intent-store.ts";

/**
 * Not stored: headers about how the bytes travelled (`fetch` has decoded them), and cookies, which are secrets.
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
  const body = new ByteCollector(bytesMax);
  let truncated = false;
  const reader = response.body?.getReader();
  for (let chunk = await reader?.read(); chunk !== undefined && !chunk.done; chunk = await reader?.read()) {
    const room = bytesMax - body.length;
    body.add(chunk.value.subarray(0, room));
    truncated = chunk.value.length > room;
    if (!truncated) continue;
    await reader?.cancel();
    break;
  }
  return {
    status: response.status,
    headers: [...response.headers].filter(([name]) => !droppedHeaders.has(name)),
    body: body.bytes!,
    truncated,
  };
}

/** The headers of a stored response. */
export function responseHeaders({ headers }: IntentAnswer): Headers {
  return new Headers(headers.map(([name, value]): [string, string] => [name, value]));
}
