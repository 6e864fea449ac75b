import type { IncomingMessage } from "node:http";

/** Bytes. The page's own requests are far smaller. */
const bodyBytesMax = 1024 * 1024;

/** The body of a request, or why it can't be read. */
export type JsonBody = { readonly body: unknown } | { readonly status: number; readonly problem: string };

/** Reads a request's JSON; undefined when it has no body. */
export async function readJson(request: IncomingMessage): Promise<JsonBody> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    length += chunk.length;
    // The rest is read all the same: it would be in the way of the connection's next request.
    if (length <= bodyBytesMax) chunks.push(chunk);
  }
  if (length > bodyBytesMax) return { status: 413, problem: `A request may have ${bodyBytesMax} bytes at most.` };
  if (length === 0) return { body: undefined };
  try {
    return { body: JSON.parse(Buffer.concat(chunks).toString()) as unknown };
  } catch {
    return { status: 400, problem: "The body of a request must be JSON." };
  }
}
