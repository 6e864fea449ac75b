import { ByteCollector } from "../core/bytes.ts";
import { readChunks } from "../client/read-stream.ts";
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
  const reader = response.body?.getReader();
  const isWhole = await readChunks(reader, (chunk) => {
    const room = bytesMax - body.length;
    body.add(chunk.subarray(0, room));
    return chunk.length <= room;
  });
  if (!isWhole) await reader?.cancel();
  return {
    status: response.status,
    headers: [...response.headers].filter(([name]) => !droppedHeaders.has(name)),
    body: body.bytes!,
    truncated: !isWhole,
    url: response.url,
    redirected: response.redirected,
  };
}

/** The headers of a stored response. */
export function responseHeaders({ headers }: IntentAnswer): Headers {
  return new Headers(headers.map(([name, value]): [string, string] => [name, value]));
}
