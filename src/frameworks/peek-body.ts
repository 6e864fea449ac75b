import type { IncomingMessage } from "node:http";
import { joinBytes } from "../core/bytes.ts";
import { bodyTooLarge } from "./read-bytes.ts";

/**
 * Reads the whole body of a request and puts it back, so that whoever comes next (a parser, an upload, the handler)
 * finds the stream as it was.
 *
 * @throws OnceAgainError `ONCE_BODY_TOO_LARGE` as soon as there are more than `bytesMax` bytes; what was read is gone.
 *   An error of the stream when the caller hangs up before the end.
 */
export function peekBody(request: IncomingMessage, bytesMax: number): Promise<Uint8Array<ArrayBuffer>> {
  const { promise, resolve, reject } = Promise.withResolvers<Uint8Array<ArrayBuffer>>();
  const closedEarly = (): Error => request.errored ?? new Error("The connection closed before the request's end.");
  if (request.closed) return Promise.reject(closedEarly());
  const chunks: Buffer[] = [];
  let length = 0;

  const finish = (): void => {
    const bytes = joinBytes(chunks);
    // A stream emits "end" when its buffer is empty and not before the next turn: what is put back now comes first.
    if (length > 0) request.unshift(Buffer.from(bytes));
    // Of an empty one the end can't be put back: nobody is to wait for it.
    else delete request.headers["transfer-encoding"];
    resolve(bytes);
  };
  const read = (): void => {
    for (let chunk = request.read() as Buffer | null; chunk !== null; chunk = request.read() as Buffer | null) {
      chunks.push(chunk);
      length += chunk.length;
    }
    if (length > bytesMax) reject(bodyTooLarge(bytesMax));
    else if (request.complete) finish();
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
