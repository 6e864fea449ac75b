import type { IncomingMessage } from "node:http";
import { ByteCollector } from "../core/byte-collector.ts";
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
  const body = new ByteCollector(bytesMax);
  /** Of a stream that gives text: its bytes are gone, and the text may be that of others, too. */
  const texts: string[] = [];
  let length = 0;

  const finish = (): void => {
    // HTTP/2 ends the body of a caller who left as if it were whole.
    if (request.aborted) return reject(closedEarly());
    const bytes = bodyTapOf(request)?.bytes ?? (texts.length > 0 ? undefined : body.bytes);
    if (bytes === undefined) return reject(bodyConsumedError());
    // A stream emits "end" when its buffer is empty and not before the next turn: what is put back now comes first.
    if (length > 0) putBack(request, texts, body);
    // Of an empty one the end can't be put back: nobody is to wait for it.
    else delete request.headers["transfer-encoding"];
    resolve(bytes);
  };
  const read = (): void => {
    for (let chunk = readChunk(request); chunk !== null; chunk = readChunk(request)) {
      if (typeof chunk === "string") texts.push(chunk);
      else body.add(chunk);
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

function putBack(request: IncomingMessage, texts: readonly string[], body: ByteCollector): void {
  const { readableEncoding } = request;
  // A copy: the handler may write into what it reads.
  if (readableEncoding === null) request.unshift(Buffer.from(body.bytes!));
  else request.unshift(texts.join(""), readableEncoding);
}
