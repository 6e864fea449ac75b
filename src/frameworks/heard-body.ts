import type { IncomingMessage } from "node:http";
import { joinBytes } from "../core/bytes.ts";

/** The bytes of a body as they arrived, whoever reads the stream. */
export interface HeardBody {
  /** Resolves when the body is complete, when its stream has no more room until somebody reads it, or when it closed. */
  readonly settled: Promise<void>;
  /** All bytes of a complete body; `undefined` as long as it is not, or when it is larger than was to be kept. */
  bytes(): Uint8Array<ArrayBuffer> | undefined;
  isTooLarge(): boolean;
}

const heard = Symbol("heard body");

/** A request carries what was heard of it: for a `WeakMap`, each collection of garbage would look at all requests. */
interface HeardRequest extends IncomingMessage {
  [heard]?: HeardBody;
}

/**
 * Listens to a body on its way into the request's stream, which stays as it is: most bodies are here before anybody
 * asked for them, and reading one to put it back costs as much as all the rest of a request.
 *
 * @returns whether it does: it has to be called in the turn in which the request came, before any of the body did.
 */
export function hearBody(request: HeardRequest, bytesMax: number): boolean {
  if (request[heard] !== undefined) return true;
  if (request.complete || request.readableLength > 0 || request.readableDidRead) return false;
  const { promise: settled, resolve } = Promise.withResolvers<void>();
  const chunks: Uint8Array[] = [];
  let length = 0;
  const push = request.push.bind(request);
  request.push = (chunk: unknown, encoding?: BufferEncoding) => {
    if (chunk instanceof Uint8Array) {
      length += chunk.length;
      if (length <= bytesMax) chunks.push(chunk);
      else chunks.length = 0;
    }
    const hasRoom = push(chunk, encoding);
    if (chunk === null || !hasRoom || length > bytesMax) resolve();
    return hasRoom;
  };
  request.once("close", resolve);
  request[heard] = {
    settled,
    bytes: () => (request.complete && length <= bytesMax ? joinBytes(chunks) : undefined),
    isTooLarge: () => length > bytesMax,
  };
  return true;
}

/** What was heard of a request's body; `undefined` when nobody listened in time. */
export function heardBody(request: HeardRequest): HeardBody | undefined {
  return request[heard];
}
