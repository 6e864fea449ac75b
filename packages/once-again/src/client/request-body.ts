import { encodeChunk } from "../core/bytes.ts";
import { OnceAgainError } from "../core/errors.ts";
import type { OuterAttempt } from "./attempt-headers.ts";
import type { ShouldRetry } from "./should-retry.ts";

/** The bodies that `fetch` takes. */
export type Body = NonNullable<RequestInit["body"]>;

/** Makes the body anew for each attempt. It must make the same bytes each time. */
export type BodyFactory = () => Body | Promise<Body>;

/** The limits of one call, instead of the options of the same name. */
export interface CallLimits {
  /** The most attempts of this call, the first one included: a whole number of at least 1. */
  readonly attemptsMax?: number | undefined;
  /**
   * How long this call may take until its response begins, in milliseconds, waits included: at least 1. With a key it has
   * no longer than `keyRetentionMs` all the same.
   */
  readonly timeoutMs?: number | undefined;
  /** Whether a failed attempt of this call is worth another. `retryStatuses` does not count then. */
  readonly shouldRetry?: ShouldRetry | undefined;
  /**
   * Whether sending this request twice means the same as once: `true` for a POST that only computes or reads, `false` for a
   * PUT that adds. Default: by its method, or by its key where the server is known to honour keys.
   */
  readonly repeatable?: boolean | undefined;
}

/**
 * `fetch`'s second argument, where the body may also be a function that makes it.
 *
 * A string, bytes, FormData or URLSearchParams is read once, before the first attempt, and sent byte for byte the same
 * on each; a Blob or File, which can't change, is sent as it is. A stream can be sent only once: pass `() => stream()`
 * instead, and set the content type yourself. Anything else (an array, a Map, a generator, a plain object), which
 * `fetch` would send as its text, is refused.
 */
export interface RetryingRequestInit extends Omit<RequestInit, "body" | "signal">, CallLimits {
  body?: Body | BodyFactory | null | undefined;
  signal?: AbortSignal | null | undefined;
  /**
   * The attempt that this call is part of. It is then made once and not tried again, since the caller that makes that attempt
   * will make another: retries inside retries multiply. Its abort and the end of its time end this call. No key is
   * made, as it would be another at the next attempt: bring one. A failure is thrown as it is, so that the retry
   * around it can judge it, unless that leaves an unkeyed operation's outcome unknown.
   */
  within?: OuterAttempt | undefined;
}

/**
 * Refuses what can be sent only once, and what is no body.
 *
 * @throws OnceAgainError `ONCE_BODY_NOT_REPLAYABLE` for a stream, an iterator, an async iterable or a Node stream;
 *   `ONCE_OPTION_INVALID` for an object that `fetch` would send as `[object Object]` or the like.
 */
export function refuseOneShot(body: unknown): void {
  if (typeof body !== "object" || body === null || isSendable(body)) return;
  if (!isStream(body) && !("next" in body)) throw bodyKindError(body);
  throw new OnceAgainError(
    "ONCE_BODY_NOT_REPLAYABLE",
    "The body is a stream, which can be sent only once. Nothing was sent. " +
      "Pass a function that makes it, `body: () => stream()`, or the bytes.",
  );
}

/** Bodies that can be sent again, and objects that have a text of their own, as a URL has. */
function isSendable(body: object): boolean {
  if (ArrayBuffer.isView(body) || body instanceof Blob || body instanceof FormData) return true;
  const kind = kindOf(body);
  if (/^(Shared)?ArrayBuffer$/.test(kind) || body instanceof URLSearchParams) return true;
  // The text of a list, a Map or a generator is not what was meant.
  if (isStream(body) || (Symbol.iterator in body && kind !== "String")) return false;
  return "toString" in body && body.toString !== Object.prototype.toString;
}

/** The kind of an object, of whichever realm. */
function kindOf(body: object): string {
  return Object.prototype.toString.call(body).slice("[object ".length, -1);
}

/** A web stream, a Node stream or an async iterable. */
export function isStream(body: object): boolean {
  return Symbol.asyncIterator in body || "getReader" in body || "pipe" in body;
}

function bodyKindError(body: object): OnceAgainError {
  return new OnceAgainError(
    "ONCE_OPTION_INVALID",
    `body must be a string, bytes, a Blob, FormData, URLSearchParams or a function that makes one, but it is of the ` +
      `kind ${kindOf(body)}. Nothing was sent. For JSON pass JSON.stringify(…) and set the content type.`,
    { details: { option: "body" } },
  );
}

/** A body that is the same each time it is sent, and the type that the kind of body given has by itself. */
export interface BodyCopy {
  readonly body: string | ArrayBuffer | Blob | null;
  /** Empty or missing: it has no type by itself. */
  readonly contentType?: string | null;
}

/**
 * Takes hold of a body's bytes, at once or soon: the caller may change its own afterwards. A form's boundary is drawn here, once.
 *
 * @throws TypeError, as `fetch` does, when the method takes no body.
 */
export function copyBody(body: Body | null | undefined, method: string): BodyCopy | Promise<BodyCopy> {
  if (body === null || body === undefined) return { body: null };
  if (method === "GET" || method === "HEAD") throw new TypeError(`A ${method} request can't have a body.`);
  if (typeof body === "string") return { body, contentType: "text/plain;charset=UTF-8" };
  // It can't change, and may be larger than memory.
  if (body instanceof Blob) return { body, contentType: body.type };
  // A Response would do, but a server of Hono replaces that by one which says text/plain of all bytes.
  const message = new Request("http://localhost/", { method: "POST", body });
  const contentType = message.headers.get("content-type");
  return message.arrayBuffer().then((bytes) => ({ body: bytes, contentType }));
}

/** The stream that a caller's function made has failed. Bytes of it may have left, whatever its error says. */
export class BodyStreamError extends Error {
  constructor(cause: unknown) {
    super("The body failed while it was sent. The cause is its error.", { cause });
    this.name = "BodyStreamError";
  }
}

/**
 * Asks the factory for the body of one attempt.
 *
 * @throws OnceAgainError `ONCE_BODY_NOT_REPLAYABLE`, with the factory's error as its cause, when it fails.
 */
export async function makeBody(factory: BodyFactory): Promise<Body> {
  let body: Body;
  try {
    body = await factory();
    if (!isObjectStream(body)) refuseOneShot(body);
    if (body instanceof FormData) {
      throw new TypeError("A FormData gets a new boundary each time. Pass the form itself.");
    }
  } catch (cause) {
    throw new OnceAgainError(
      "ONCE_BODY_NOT_REPLAYABLE",
      "The function that makes the body failed. This attempt was not sent. The cause is its error.",
      { cause },
    );
  }
  return isObjectStream(body) ? markStreamErrors(body) : body;
}

function isObjectStream(body: unknown): body is AnyStream {
  return typeof body === "object" && body !== null && isStream(body);
}

type AnyStream = ReadableStream<Uint8Array> | AsyncIterable<Uint8Array>;

/** The same stream, with an error that says where it comes from: a file's `ECONNREFUSED` is not the server's. */
function markStreamErrors(source: AnyStream): ReadableStream<Uint8Array> {
  const reader = "getReader" in source ? source.getReader() : undefined;
  const iterator = reader === undefined ? (source as AsyncIterable<Uint8Array>)[Symbol.asyncIterator]() : undefined;
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        try {
          const next = await (reader?.read() ?? iterator!.next());
          if (next.done) controller.close();
          else controller.enqueue(encodeChunk(next.value));
        } catch (cause) {
          controller.error(new BodyStreamError(cause));
        }
      },
      async cancel(reason: unknown) {
        await reader?.cancel(reason);
        await iterator?.return?.();
      },
    },
    { highWaterMark: 0 },
  );
}
