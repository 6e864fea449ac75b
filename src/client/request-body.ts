import { OnceAgainError } from "../core/errors.ts";
import type { OuterAttempt } from "./attempt-headers.ts";

/** What `fetch` takes as a body. */
export type Body = NonNullable<RequestInit["body"]>;

/** Makes the body anew for each attempt. It must make the same bytes each time. */
export type BodyFactory = () => Body | Promise<Body>;

/**
 * `fetch`'s second argument, where the body may also be a function that makes it.
 *
 * A string, bytes, Blob, FormData or URLSearchParams is read once, before the first attempt, and sent byte for byte
 * the same on each. A stream can be sent only once: pass `() => stream()` instead, and set the content type yourself.
 */
export interface RetryingRequestInit extends Omit<RequestInit, "body"> {
  body?: Body | BodyFactory | null | undefined;
  /**
   * The attempt that this call is part of. It is then made once and not tried again, since whoever makes that attempt
   * will make another: retries inside retries multiply. Its abort and the end of its time end this call. No key is
   * made, as it would be another at the next attempt: bring one. What failed is thrown as it is, so that the retry
   * around it can judge it, unless that leaves an unkeyed operation's outcome unknown.
   */
  within?: OuterAttempt | undefined;
}

/** @throws OnceAgainError `ONCE_BODY_NOT_REPLAYABLE` for a stream, an async iterable or a Node stream. */
export function refuseOneShot(body: Body | null | undefined): void {
  if (typeof body !== "object" || body === null) return;
  if (!(Symbol.asyncIterator in body) && !("getReader" in body) && !("pipe" in body)) return;
  throw new OnceAgainError(
    "ONCE_BODY_NOT_REPLAYABLE",
    "The body is a stream, which can be sent only once. Nothing was sent. " +
      "Pass a function that makes it, `body: () => stream()`, or the bytes.",
  );
}

/** A body that is the same each time it is sent, and the type that the kind of body given has by itself. */
export interface HeldBody {
  readonly body: string | ArrayBuffer | null;
  readonly contentType?: string | undefined;
}

/**
 * Takes hold of a body's bytes: the caller may change its own afterwards. A form's boundary is drawn here, once.
 *
 * @throws TypeError, as `fetch` does, when the method takes no body.
 */
export async function heldBody(body: Body | null | undefined, method: string): Promise<HeldBody> {
  if (body === null || body === undefined) return { body: null };
  if (method === "GET" || method === "HEAD") throw new TypeError(`A ${method} request can't have a body.`);
  if (typeof body === "string") return { body, contentType: "text/plain;charset=UTF-8" };
  return streamedBody(new Response(body));
}

/** The body of a request or answer, which is a stream, as bytes. */
export async function streamedBody(message: Request | Response): Promise<HeldBody> {
  const contentType = message.headers.get("content-type") ?? undefined;
  return { body: message.body === null ? null : await message.arrayBuffer(), contentType };
}

/**
 * Asks the factory for the body of one attempt.
 *
 * @throws OnceAgainError `ONCE_BODY_NOT_REPLAYABLE`, with the factory's error as its cause, when it fails.
 */
export async function makeBody(factory: BodyFactory): Promise<Body> {
  try {
    return await factory();
  } catch (cause) {
    throw new OnceAgainError(
      "ONCE_BODY_NOT_REPLAYABLE",
      "The function that makes the body failed, so this attempt was not sent. Its error is the cause.",
      { cause },
    );
  }
}
