// `@hono/node-server` gives requests and takes responses of classes that it brings, which become the platform's only when a member is read
// that they don't have themselves. Their parts are private, so where a version has them elsewhere its messages are treated as all others.

/** The signal of a handler's request: that of its execution, in the place of the connection's. */
export interface SignalSource {
  readonly signal: AbortSignal;
}

/** Where the responses of a prototype have their parts. */
let responses: { readonly prototype: unknown; readonly parts: symbol } | undefined;

/**
 * The parts of a response of `@hono/node-server`, as its handler gave them: status, body, headers. `undefined` for every other
 * response, and for one that the platform's was made of.
 */
export function lightParts(response: Response): readonly unknown[] | undefined {
  const prototype = Object.getPrototypeOf(response) as object;
  if (responses?.prototype !== prototype) {
    const parts = symbolOf(response, "cache");
    if (parts === undefined || symbolOf(prototype, "getResponseCache") === undefined) return undefined;
    responses = { prototype, parts };
  }
  const parts: unknown = Reflect.get(response, responses.parts);
  return Array.isArray(parts) ? (parts as unknown[]) : undefined;
}

type LightCopyClass = new (from: Request, bytes: Uint8Array, source: SignalSource) => Request;

/** The class of the copies of requests with a prototype. */
const copyClasses = new WeakMap<object, LightCopyClass | false>();

/**
 * A copy of a request of `@hono/node-server`, of the same kind: with its body unread, and with this signal. `undefined` for every other
 * request, and for one without a body. A copy of the platform's class takes a third of a first request.
 */
export function lightCopy<Native extends Request>(
  request: Native,
  bytes: Uint8Array,
  source: SignalSource,
): Native | undefined {
  if (bytes.length === 0) return undefined;
  const prototype = Object.getPrototypeOf(request) as object;
  let Copy = copyClasses.get(prototype);
  if (Copy === undefined) copyClasses.set(prototype, (Copy = copyClass(request, prototype) ?? false));
  return Copy === false ? undefined : (new Copy(request, bytes, source) as Native);
}

/**
 * A light copy with its body unread: itself, or one more where it was read. What is made of one has the signal that it had then, so
 * the signal of a copy that a route's rule has read stays that of the connection.
 */
export function unreadCopy(copy: Request): Request {
  return (copy as Request & { [unread](): Request })[unread]();
}

const unread = Symbol("unread");

/** Under it, a copy has the signal that it shows. */
const signalSource = Symbol("signal source");

function copyClass(request: Request, prototype: object): LightCopyClass | undefined {
  // Where the server has not replaced the platform's class, `new Request(request)` can't be made of what it gives.
  if (Object.getPrototypeOf(prototype) !== Request.prototype) return undefined;
  const names = ["incomingKey", "methodKey", "urlKey", "headersKey"];
  const [incomingKey, methodKey, urlKey, headersKey] = names.map((name) => symbolOf(request, name));
  const getAbortController = symbolOf(prototype, "getAbortController");
  if (!incomingKey || !methodKey || !urlKey || !headersKey || !getAbortController) return undefined;

  class LightCopy {
    readonly [signalSource]: SignalSource;

    constructor(from: Request, bytes: Uint8Array, source: SignalSource) {
      const parts = this as Record<symbol, unknown>;
      parts[incomingKey!] = new ReadConnection(bytes);
      parts[methodKey!] = from.method;
      parts[urlKey!] = from.url;
      parts[headersKey!] = from.headers;
      this[signalSource] = source;
    }

    /** The platform's request that is made of it has this signal, too. */
    [getAbortController!](): SignalSource {
      return this[signalSource];
    }

    [unread](): LightCopy {
      const { bytes, isRead } = (this as Record<symbol, unknown>)[incomingKey!] as ReadConnection;
      return isRead ? new LightCopy(this as unknown as Request, bytes, this[signalSource]) : this;
    }
  }
  Reflect.deleteProperty(LightCopy.prototype, "constructor");
  Object.setPrototypeOf(LightCopy.prototype, prototype);
  return LightCopy as unknown as LightCopyClass;
}

/** Stands for the connection of a copy. The server takes a body from there that a platform has read before it. */
class ReadConnection {
  readonly bytes: Uint8Array;
  #copy: Buffer | undefined;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
  }

  get rawBody(): Buffer {
    // A handler may write into what it reads from a stream, and look at all of its memory: that of a small `Buffer` has others in it.
    return (this.#copy ??= Buffer.from(new Uint8Array(this.bytes).buffer));
  }

  get isRead(): boolean {
    return this.#copy !== undefined;
  }
}

function symbolOf(owner: object, description: string): symbol | undefined {
  return Object.getOwnPropertySymbols(owner).find((symbol) => symbol.description === description);
}
