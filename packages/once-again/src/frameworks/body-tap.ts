import { IncomingMessage } from "node:http";
import { ByteCollector } from "../core/byte-collector.ts";

const heard = Symbol("heard body");

/** A request carries what was heard of it: for a `WeakMap`, each collection of garbage would look at all requests. */
interface TappedRequest extends IncomingMessage {
  [heard]?: BodyTap;
}

type Push = (this: IncomingMessage, chunk: unknown, encoding?: BufferEncoding) => boolean;

/** The bytes of a body as they arrived, whoever reads the stream. */
export class BodyTap {
  readonly #request: IncomingMessage;
  /** The request's own. */
  readonly #push: Push;
  readonly #bytes: ByteCollector;
  #isWhole = false;
  #isSettled = false;
  #settling: PromiseWithResolvers<void> | undefined;

  constructor(request: IncomingMessage, bytesMax: number) {
    this.#request = request;
    this.#bytes = new ByteCollector(bytesMax);
    ({ push: this.#push } = request as { push: Push });
  }

  /** What is pushed into the request's stream. @returns whether there is room for more. */
  push(chunk: unknown, encoding?: BufferEncoding): boolean {
    if (chunk !== null && chunk !== undefined) this.#bytes.add(bytesOf(chunk, encoding));
    // HTTP/2 ends the body of a caller who left as if it were whole. Who waits for the end is told of it by the push.
    if (chunk === null) this.#isWhole = !this.#request.aborted;
    const hasRoom = this.#push.call(this.#request, chunk, encoding);
    if (chunk === null || !hasRoom || this.isTooLarge) this.settle();
    return hasRoom;
  }

  /** Nothing more is waited for. */
  settle(): void {
    this.#isSettled = true;
    this.#settling?.resolve();
  }

  /**
   * Resolves when the body is complete, when its stream has no more room until somebody reads it, or when it closed.
   * `undefined` when that is so already.
   */
  settled(): Promise<void> | undefined {
    if (this.#isSettled || this.#request.closed) return undefined;
    if (this.#settling === undefined) {
      this.#settling = Promise.withResolvers();
      this.#request.on("close", settleClosed);
      // A stream that is not fed by a connection of HTTP/1 gives nothing before it is asked.
      if (isLazy(this.#request)) this.#request.read(0);
    }
    return this.#settling.promise;
  }

  get isTooLarge(): boolean {
    return this.#bytes.isTooLarge;
  }

  /** All bytes of a complete body; `undefined` as long as it is not, or when it is larger than was to be kept. */
  get bytes(): Uint8Array<ArrayBuffer> | undefined {
    return this.#isWhole ? this.#bytes.bytes : undefined;
  }
}

function bytesOf(chunk: unknown, encoding?: BufferEncoding): Uint8Array {
  return chunk instanceof Uint8Array ? chunk : Buffer.from(String(chunk), encoding);
}

/** Whether a request's body is read when somebody asks for it: one of HTTP/2, or one that an adapter made up. */
export function isLazy(request: IncomingMessage): boolean {
  return request.httpVersionMajor >= 2 || !(request instanceof IncomingMessage) || Object.hasOwn(request, "_read");
}

/** Whether all of a body is in its stream, read or not. `complete` is no word for it on all requests. */
export function hasEnded(request: IncomingMessage): boolean {
  const { _readableState: state } = request as { _readableState?: { ended: boolean } };
  return state?.ended ?? request.complete;
}

/** In the place of a request's own `push`. One function for all of them: one for each would cost as much as the rest. */
function push(this: TappedRequest, chunk: unknown, encoding?: BufferEncoding): boolean {
  return this[heard]!.push(chunk, encoding);
}

function settleClosed(this: TappedRequest): void {
  this[heard]!.settle();
}

/**
 * Listens to a body on its way into the request's stream, which stays as it is: most bodies are here before anybody
 * asked for them, and reading one to put it back costs as much as all the rest of a request.
 *
 * @returns whether it does: it has to be called in the turn in which the request came, before any of the body did.
 */
export function tapBody(request: TappedRequest, bytesMax: number): boolean {
  if (request[heard] !== undefined) return true;
  if (typeof request.push !== "function" || hasEnded(request)) return false;
  if (request.readableLength > 0 || request.readableDidRead) return false;
  request[heard] = new BodyTap(request, bytesMax);
  request.push = push;
  return true;
}

/** What was heard of a request's body; `undefined` when nobody listened in time. */
export function bodyTapOf(request: TappedRequest): BodyTap | undefined {
  return request[heard];
}
