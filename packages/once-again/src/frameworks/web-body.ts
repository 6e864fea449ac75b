import { ByteCollector, encodeChunk } from "../core/bytes.ts";
import type { OnceAgainError } from "../core/errors.ts";
import { bodyConsumedError, bodyTooLargeError } from "./errors.ts";
import { lightCopy, type SignalSource } from "./light-messages.ts";

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

/**
 * Whether a request says that it has a body, of a length that may be read in one piece. Its server holds it to that; but a middleware
 * that has decoded the body may have left it the headers.
 */
function isLengthWithin({ headers }: Request, bytesMax: number): boolean {
  if (headers.has("content-encoding")) return false;
  const length = Number(headers.get("content-length") ?? Number.NaN);
  return length > 0 && length <= bytesMax;
}

/** Reads a body in one piece: a request that has not made a stream of its connection need not make one for us. */
function readAtOnce(request: Request, bytesMax: number): Promise<Uint8Array<ArrayBuffer>> {
  return request.arrayBuffer().then(
    (buffer) => {
      if (buffer.byteLength > bytesMax) throw bodyTooLargeError(bytesMax);
      return new Uint8Array(buffer);
    },
    (error: unknown) => {
      // A reading that its caller broke off leaves a locked body, too, and fails with what the connection says.
      throw error instanceof TypeError && request.body?.locked ? bodyConsumedError() : error;
    },
  );
}

/** The body of a request. It is read before the handler runs, and the handler can read it again. */
export class WebBody<Native extends Request> {
  readonly #request: Native;
  /** Whether the handler can still be given the request itself. */
  #isIntact = false;
  #hasBody = true;

  constructor(request: Native) {
    this.#request = request;
  }

  /** @throws OnceAgainError `ONCE_BODY_TOO_LARGE`; `ONCE_BODY_CONSUMED` when it was read before. */
  read(bytesMax: number): Promise<Uint8Array<ArrayBuffer>> {
    const request = this.#request;
    const isAtOnce = !request.bodyUsed && isPlain(request) && isLengthWithin(request, bytesMax);
    return isAtOnce ? readAtOnce(request, bytesMax) : this.#readStreamed(bytesMax);
  }

  async #readStreamed(bytesMax: number): Promise<Uint8Array<ArrayBuffer>> {
    const request = this.#request;
    if (request.bodyUsed) throw bodyConsumedError();
    const stream = request.body;
    if (!stream) {
      this.#isIntact = true;
      this.#hasBody = false;
      return new Uint8Array();
    }
    if (stream.locked) throw bodyConsumedError();
    if (isPlain(request)) return readStream(stream, bytesMax, bodyTooLargeError);
    const copy = request.clone();
    try {
      const bytes = await readStream(copy.body, bytesMax, bodyTooLargeError);
      this.#isIntact = true;
      return bytes;
    } catch (error) {
      // The source of both copies ends when both are cancelled.
      cancel(request.body);
      throw error;
    }
  }

  /**
   * The request for one run of its handler. It shows the execution's signal: its connection's would abort when the caller
   * hangs up, so a handler that passes it on would be broken off, and its failure stored for the repeat.
   */
  readable(body: Uint8Array<ArrayBuffer>, execution: SignalSource): Native {
    const request = this.#request;
    if (isPlain(request)) {
      const light = lightCopy(request, body, execution);
      if (light !== undefined) return light;
      return showSignal(copyRequest(request, this.#hasBody ? body : undefined), execution) as Native;
    }
    if (!this.#isIntact) return requestWith(request, body, execution);
    this.#isIntact = request.body === null;
    return showSignal(request, execution);
  }
}

/** Whether instances of a prototype have no more members than the platform's own requests. */
const plainPrototypes = new WeakMap<object, boolean>();

/**
 * Whether a request has no more to it than the platform's own: a copy is as good, and costs a fraction of two streams made of
 * one. Those of Next.js and h3 have more. Those of `@hono/node-server` look like the platform's.
 */
function isPlain(request: Request): boolean {
  if (Object.keys(request).length > 0) return false;
  const prototype = Object.getPrototypeOf(request) as object;
  let plain = plainPrototypes.get(prototype);
  if (plain === undefined) plainPrototypes.set(prototype, (plain = hasPlainMembers(prototype)));
  return plain;
}

function hasPlainMembers(prototype: object): boolean {
  const [base, ...derived] = prototypesOf(prototype).toReversed();
  // The platform can't copy the class of a ponyfill.
  if (base === undefined || !prototypesOf(Request.prototype).includes(base)) return false;
  return derived.every((one) => Object.getOwnPropertyNames(one).every((name) => name in base));
}

/** A prototype and those that it inherits from, but for that of all objects. */
function prototypesOf(prototype: object): object[] {
  const prototypes: object[] = [];
  for (let one: object | null = prototype; one !== null && one !== Object.prototype;) {
    prototypes.push(one);
    one = Object.getPrototypeOf(one) as object | null;
  }
  return prototypes;
}

/** A request of the platform's own with this body, on no connection. */
function copyRequest(request: Request, body: Uint8Array<ArrayBuffer> | undefined): Request {
  const init = { signal: null, ...(body && { body }) };
  // The platform copies what is its own, with what else it stores in it.
  if (Object.getPrototypeOf(request) === Request.prototype) return new Request(request, init);
  const { url, method, headers } = request;
  return new Request(url, { method, headers: [...headers], ...init });
}

/** Has a request and its clones show the signal of its execution. */
function showSignal<Shown extends Request>(request: Shown, execution: SignalSource): Shown {
  // Next.js gives a proxy, and `clone` read through it would call the one that is defined here.
  const { clone } = Object.hasOwn(request, "clone") ? request : (Object.getPrototypeOf(request) as Shown);
  Reflect.defineProperty(request, "signal", { configurable: true, get: () => execution.signal });
  Reflect.defineProperty(request, "clone", {
    configurable: true,
    writable: true,
    value(this: Shown) {
      return showSignal(clone.call(this), execution);
    },
  });
  return request;
}

/** The members of a request that belong to its body or its connection. */
const freshMembers: ReadonlySet<PropertyKey> = new Set([
  "arrayBuffer",
  "blob",
  "body",
  "bodyUsed",
  "bytes",
  "clone",
  "formData",
  "json",
  "signal",
  "text",
]);

/**
 * A request that is the given one in all but its body and its signal: for one more run of a handler that has read the first.
 */
function requestWith<Native extends Request>(
  request: Native,
  body: Uint8Array<ArrayBuffer>,
  execution: SignalSource,
): Native {
  const { url, method, headers } = request;
  const fresh = showSignal(new Request(url, { method, headers: [...headers], body }), execution);
  return new Proxy(request, {
    get(target, name): unknown {
      const owner = freshMembers.has(name) ? fresh : target;
      const value: unknown = Reflect.get(owner, name, owner);
      return typeof value === "function" ? value.bind(owner) : value;
    },
  });
}

function cancel(source: { cancel: () => Promise<void> } | null): void {
  // A locked stream can't be cancelled, and a failed one need not be.
  source?.cancel().catch(() => undefined);
}

/**
 * Reads a stream to its end.
 *
 * @throws what `tooLarge` makes, as soon as there are more than `bytesMax` bytes; the rest is not read.
 */
export async function readBytes(
  stream: AsyncIterable<Uint8Array> | null,
  bytesMax: number,
  tooLarge: (bytesMax: number) => OnceAgainError,
): Promise<Uint8Array<ArrayBuffer>> {
  const body = new ByteCollector(bytesMax);
  for await (const chunk of stream ?? []) {
    if (!body.add(encodeChunk(chunk))) throw tooLarge(bytesMax);
  }
  return body.bytes!;
}
