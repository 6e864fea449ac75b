import { ByteCollector, encodeChunk } from "../core/bytes.ts";
import { OnceAgainError } from "../core/errors.ts";

/** A body as bytes, with the type that describes them where the bytes alone don't tell it. */
export interface BodyBytes {
  readonly body: ArrayBuffer;
  readonly contentType: string | undefined;
}

/** The most bytes of a one-shot body that are buffered for repeats. */
const bytesMax = 1_048_576;

/**
 * Makes a body one that can be sent again.
 *
 * @param headers the request's; asked for `Content-Length` when the body is a stream.
 * @returns `undefined` for a body that can be sent again as it is; otherwise its bytes. A form's boundary is drawn
 *   here, once. A stream is read into memory when its declared length is at most 1 MiB: the
 *   bodies of undici's `fetch` are such streams. It rejects with `ONCE_BODY_NOT_REPLAYABLE` for any other stream.
 */
export function replayableBody(
  body: unknown,
  headers: { get(name: string): string | null },
): Promise<BodyBytes> | undefined {
  if (typeof body !== "object" || body === null) return undefined;
  if (isForm(body)) return formBytes(body);
  return isStream(body) ? streamBytes(body, lengthOf(headers)) : undefined;
}

/** Whether a body is one that `replayableBody` refuses: a stream that is long, or does not say how long it is. */
export function isOneShot(body: unknown, headers: { get(name: string): string | null }): boolean {
  if (typeof body !== "object" || body === null || isForm(body) || !isStream(body)) return false;
  return !isAsyncIterable(body) || !(lengthOf(headers) <= bytesMax);
}

function isStream(body: object): boolean {
  return Symbol.asyncIterator in body || ["pipe", "getReader", "next"].some((method) => method in body);
}

function lengthOf(headers: { get(name: string): string | null }): number {
  return Number(headers.get("content-length") ?? Number.NaN);
}

/** Also one of another `FormData` class than the platform's, such as that of an installed undici. */
function isForm(body: object): body is FormData {
  return Object.prototype.toString.call(body) === "[object FormData]" && "getAll" in body;
}

async function formBytes(given: FormData): Promise<BodyBytes> {
  const form = new FormData();
  for (const [name, value] of given) form.append(name, value);
  const serialised = new Response(form);
  const contentType = serialised.headers.get("content-type") ?? undefined;
  return { body: await serialised.arrayBuffer(), contentType };
}

async function streamBytes(stream: object, declaredLength: number): Promise<BodyBytes> {
  if (!isAsyncIterable(stream) || !(declaredLength <= bytesMax)) {
    throw notReplayableError(`The body is a stream without a Content-Length of at most ${bytesMax} bytes`);
  }
  const body = new ByteCollector(declaredLength);
  for await (const chunk of stream) {
    if (!body.add(encodeChunk(chunk))) break;
  }
  if (body.length !== declaredLength) {
    throw notReplayableError(`The body is a stream of another length than its Content-Length, ${declaredLength}, says`);
  }
  // Exactly its bytes: axios sends the whole buffer below a view.
  return { body: body.bytes!.slice().buffer, contentType: undefined };
}

function isAsyncIterable(body: object): body is AsyncIterable<Uint8Array<ArrayBuffer> | string> {
  return Symbol.asyncIterator in body;
}

function notReplayableError(what: string): OnceAgainError {
  return new OnceAgainError(
    "ONCE_BODY_NOT_REPLAYABLE",
    `${what}, so it can't be sent again. Nothing was sent. Pass the bytes.`,
  );
}
