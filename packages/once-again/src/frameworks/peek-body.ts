import type { IncomingMessage } from "node:http";
import { joinBytes } from "../core/bytes.ts";
import { hasEnded, bodyTapOf } from "./body-tap.ts";
import { bodyConsumedError, bodyTooLargeError } from "./errors.ts";

/**
 * Reads the whole body of a request and puts it back, so that whoever comes next (a parser, an upload, the handler)
 * finds the stream as it was.
 *
 * @throws OnceAgainError `ONCE_BODY_TOO_LARGE` as soon as there are more than `bytesMax` bytes; what was read is gone.
 *   `ONCE_BODY_CONSUMED` for a stream that gives text (`setEncoding`), whose bytes nobody heard.
 *   An error of the stream when the caller hangs up before the end.
 */
export function peekBody(request: IncomingMessage, bytesMax: number): Promise<Uint8Array<ArrayBuffer>> {
  const { promise, resolve, reject } = Promise.withResolvers<Uint8Array<ArrayBuffer>>();
  const closedEarly = (): Error => request.errored ?? new Error("The connection closed before the request's end.");
  if (request.closed) return Promise.reject(closedEarly());
  const chunks: (Buffer | string)[] = [];
  let length = 0;

  const finish = (): void => {
    // HTTP/2 ends the body of a caller who left as if it were whole.
    if (request.aborted) return reject(closedEarly());
    const bytes = bodyTapOf(request)?.bytes ?? bytesOf(chunks);
    if (bytes === undefined) return reject(bodyConsumedError());
    // A stream emits "end" when its buffer is empty and not before the next turn: what is put back now comes first.
    if (length > 0) putBack(request, chunks);
    // Of an empty one the end can't be put back: nobody is to wait for it.
    else delete request.headers["transfer-encoding"];
    resolve(bytes);
  };
  const read = (): void => {
    for (let chunk = readChunk(request); chunk !== null; chunk = readChunk(request)) {
      chunks.push(chunk);
      length += chunk.length;
    }
    if (length > bytesMax) reject(bodyTooLargeError(bytesMax));
    else if (hasEnded(request)) finish();
    else return;
    stop();
  };
  const closed = (): void => {
    reject(closedEarly());
    stop();
  };
  const listeners: [event: string, listener: () => void][] = [
    ["readable", read],
    // An empty body ends without ever being readable.
    ["end", read],
    ["error", closed],
    ["close", closed],
  ];
  const stop = (): void => {
    for (const [event, listener] of listeners) request.off(event, listener);
  };
  for (const [event, listener] of listeners) request.on(event, listener);
  return promise;
}

function readChunk(request: IncomingMessage): Buffer | string | null {
  return request.read() as Buffer | string | null;
}

/** `undefined` for text: its bytes are gone, and the text may be that of others, too. */
function bytesOf(chunks: (Buffer | string)[]): Uint8Array<ArrayBuffer> | undefined {
  const buffers = chunks.filter((chunk) => typeof chunk !== "string");
  return buffers.length < chunks.length ? undefined : joinBytes(buffers);
}

function putBack(request: IncomingMessage, chunks: (Buffer | string)[]): void {
  const { readableEncoding } = request;
  if (readableEncoding === null) request.unshift(Buffer.concat(chunks as Buffer[]));
  else request.unshift(chunks.join(""), readableEncoding);
}
