import { encodeChunk } from "../core/bytes.ts";
import { OnceAgainError } from "../core/errors.ts";
import { type Body, type BodyFactory, isStream, refuseOneShot } from "./request-body.ts";

/** The stream that a caller's function made has failed. Bytes of it may have left, whatever its error says. */
export class BodyStreamError extends Error {
  constructor(cause: unknown) {
    super("The stream of the request's body failed while it was sent. The cause is its error.", { cause });
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
      throw new TypeError(
        "Each FormData has a boundary of its own, so its bytes differ. Pass the form, not a function.",
      );
    }
  } catch (cause) {
    throw new OnceAgainError(
      "ONCE_BODY_NOT_REPLAYABLE",
      "The function that makes the body failed, so this attempt was not sent. Its error is the cause.",
      { cause },
    );
  }
  return isObjectStream(body) ? markStreamErrors(body) : body;
}

function isObjectStream(body: unknown): body is AnyStream {
  return typeof body === "object" && body !== null && isStream(body);
}

type AnyStream = ReadableStream<Uint8Array> | AsyncIterable<Uint8Array>;

/** The same stream, whose error says where it comes from: a file's `ECONNREFUSED` is not the server's. */
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
