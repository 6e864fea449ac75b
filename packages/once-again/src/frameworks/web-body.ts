import { encodeChunk } from "../core/bytes.ts";
import { ByteCollector } from "../core/byte-collector.ts";
import type { OnceAgainError } from "../core/errors.ts";
import { readBytes } from "./read-bytes.ts";
import { bodyConsumedError, bodyTooLargeError } from "./errors.ts";

/**
 * Reads a web stream to its end; a stream that is larger than it may be is cancelled.
 *
 * @throws what `tooLarge` makes, as soon as there are more than `bytesMax` bytes; TypeError for a chunk that is neither bytes nor text.
 */
export async function readStream(
  stream: ReadableStream<Uint8Array> | null,
  bytesMax: number,
  tooLarge: (bytesMax: number) => OnceAgainError,
): Promise<Uint8Array<ArrayBuffer>> {
  // Some responses have a stream of Node's.
  if (stream === null || !("getReader" in stream)) return readBytes(stream, bytesMax, tooLarge);
  const reader = stream.getReader();
  const body = new ByteCollector(bytesMax);
  try {
    for (let read = await reader.read(); !read.done; read = await reader.read()) {
      if (!body.add(encodeChunk(read.value))) throw tooLarge(bytesMax);
    }
  } catch (error) {
    cancel(reader);
    throw error;
  }
  return body.bytes!;
}

/** The body of a request, which is read before its handler runs, and can be read by the handler as if nobody had. */
export class WebBody<Native extends Request> {
  readonly #request: Native;
  /** Whether the handler can still be given the request itself. */
  #isIntact = false;

  constructor(request: Native) {
    this.#request = request;
  }

  /** @throws OnceAgainError `ONCE_BODY_TOO_LARGE`; `ONCE_BODY_CONSUMED` when somebody has read it before. */
  async read(bytesMax: number): Promise<Uint8Array<ArrayBuffer>> {
    const request = this.#request;
    const stream = request.body;
    if (!stream) {
      this.#isIntact = true;
      return new Uint8Array();
    }
    if (request.bodyUsed || stream.locked) throw bodyConsumedError();
    if (isPlain(request)) return readStream(stream, bytesMax, bodyTooLargeError);
    const copy = request.clone();
    try {
      const bytes = await readStream(copy.body, bytesMax, bodyTooLargeError);
      this.#isIntact = true;
      return bytes;
    } catch (error) {
      // What both were copied from ends when both are cancelled.
      cancel(request.body);
      throw error;
    }
  }

  /** The request for one run of its handler. */
  readable(body: Uint8Array<ArrayBuffer>): Native {
    const request = this.#request;
    if (isPlain(request) && request.body) return new Request(request, { body }) as Native;
    if (!this.#isIntact) return requestWith(request, body);
    this.#isIntact = request.body === null;
    return request;
  }
}

/**
 * Whether a request is of the platform's own class, and no more: a copy is as good, and costs a fraction of two streams
 * made of one. Those of Next.js and h3 are not: the platform copies only its own, and they have more to them.
 */
function isPlain({ constructor }: Request): boolean {
  return constructor === Request;
}

/** What of a request is read from its body. */
const bodyMembers: ReadonlySet<PropertyKey> = new Set([
  "arrayBuffer",
  "blob",
  "body",
  "bodyUsed",
  "bytes",
  "clone",
  "formData",
  "json",
  "text",
]);

/** A request that is the given one in all but its body: for one more run of a handler that has read the first. */
function requestWith<Native extends Request>(request: Native, body: Uint8Array<ArrayBuffer>): Native {
  const { url, method, headers, signal } = request;
  const fresh = new Request(url, {
    method,
    headers: [...headers],
    body,
    signal: signal instanceof AbortSignal ? signal : null,
  });
  return new Proxy(request, {
    get(target, name): unknown {
      const owner = bodyMembers.has(name) ? fresh : target;
      const value: unknown = Reflect.get(owner, name, owner);
      return typeof value === "function" ? value.bind(owner) : value;
    },
  });
}

function cancel(source: { cancel: () => Promise<void> } | null): void {
  // What is locked can't be cancelled, and what has failed need not be.
  source?.cancel().catch(() => undefined);
}
