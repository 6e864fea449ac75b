import type { IncomingMessage } from "node:http";
import { OnceAgainError } from "once-again";

/** A body that is here as a whole, as one that came with its head: it goes on in one piece, at less than a stream costs. */
export function arrivedBody(request: IncomingMessage): Buffer<ArrayBuffer> | undefined {
  if (request.readableLength !== Number(request.headers["content-length"])) return undefined;
  const body = request.read() as Buffer<ArrayBuffer> | null;
  request.resume();
  return body ?? undefined;
}

/**
 * Reads a request's body to its end.
 *
 * @throws OnceAgainError `ONCE_BODY_TOO_LARGE` as soon as it is known to be larger; Error when the caller leaves.
 */
export async function readBody(request: IncomingMessage, bytesMax: number): Promise<Buffer<ArrayBuffer>> {
  const arrived = arrivedBody(request);
  if (arrived !== undefined) return arrived;
  const { promise, resolve, reject } = Promise.withResolvers<Buffer<ArrayBuffer>>();
  const chunks: Buffer[] = [];
  let length = 0;
  request.on("data", (chunk: Buffer) => {
    length += chunk.length;
    if (length <= bytesMax) chunks.push(chunk);
    else reject(bodyTooLargeError(bytesMax));
  });
  request.once("end", () => resolve(Buffer.concat(chunks)));
  const leave = (): void => {
    if (!request.readableEnded) reject(new Error("The caller hung up."));
  };
  request.once("close", leave);
  if (request.destroyed) leave();
  return promise;
}

export function bodyTooLargeError(bytesMax: number): OnceAgainError {
  return new OnceAgainError(
    "ONCE_BODY_TOO_LARGE",
    `The request's body is larger than the ${bytesMax} bytes allowed here. Nothing was forwarded.`,
  );
}
