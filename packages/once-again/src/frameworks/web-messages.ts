import type { Awaitable } from "../core/awaitable.ts";
import type { HttpResponse, HttpRequest } from "../http/index.ts";
import type { OnceRoute } from "../http/handle-request.ts";
import { encodeText, headerValue, isHeaderName } from "../http/response.ts";
import { lightParts } from "./light-messages.ts";
import { readStream } from "./web-body.ts";
import { resultTooLargeError } from "./errors.ts";

/** A web-standard request as the rules see it. */
export function httpRequestOf<Native>(
  request: Request,
  native: Native,
  body: HttpRequest<Native>["body"],
  timeLeftMs?: number,
): HttpRequest<Native> {
  return {
    native,
    method: request.method,
    ...targetOf(request.url),
    contentType: request.headers.get("content-type") ?? "",
    headerValues(name) {
      const value = request.headers.get(name);
      return value === null ? [] : [value];
    },
    body,
    timeLeftMs,
  };
}

/** An address in which a parser would find nothing to change, and its parts. */
const plainAddress = /^https?:\/\/[a-z\d.:-]+(\/[\w/-]*)(\?[\w&=-]+)?$/;

/** The path and the query of an address. To parse one takes as long as to claim a key. */
function targetOf(url: string): { readonly path: string; readonly query: string } {
  const plain = plainAddress.exec(url);
  if (plain !== null) return { path: plain[1]!, query: plain[2] ?? "" };
  const { pathname, search } = new URL(url);
  return { path: pathname, query: search };
}

/** A handler's response that was read: as data, and what the data don't have. */
export interface ReadResponse {
  readonly answer: HttpResponse;
  /** The response itself, for its reason phrase. */
  readonly given: Response;
  /** The body as text, where it was given as text: a server sends text in one piece with the head. */
  readonly text: string | undefined;
}

/**
 * Reads a response to its end: at once, where all of it is there.
 *
 * @throws TypeError for anything but a response, and for a response with a body that was read: it can't be sent. It throws at once,
 *   or rejects.
 */
export function readResponse(response: Response | undefined, bytesMax: number): Awaitable<ReadResponse> {
  if (response === undefined) throw new TypeError("The handler gave no response.");
  return readLight(response, bytesMax) ?? readStreamed(response, bytesMax);
}

async function readStreamed(response: Response, bytesMax: number): Promise<ReadResponse> {
  const headers: [name: string, value: string][] = [...response.headers];
  if (response.bodyUsed) throw new TypeError("The response's body was read before it was returned. Return a clone.");
  const body = await readStream(response.body, bytesMax, resultTooLargeError);
  if (body.length > 0 && !response.headers.has("content-type") && areTypesHidden() && isUtf8(body))
    headers.push(["content-type", "text/plain;charset=utf-8"]);
  const answer = { status: response.status, headers, body };
  return { answer, given: response, text: undefined };
}

/**
 * Whether a platform does not show the type that its server gives a text, as Bun: it gives bytes another. What could be a text is
 * taken for one, since that is what a handler gives without a type.
 */
function areTypesHidden(): boolean {
  return !new Response("text").headers.has("content-type");
}

function isUtf8(bytes: Uint8Array): boolean {
  try {
    new TextDecoder("utf-8", { fatal: true }).decode(bytes);
    return true;
  } catch {
    return false;
  }
}

/**
 * Reads a response of `@hono/node-server`, of which its handler's parts are still there. It has them until the platform's is made
 * of it, which costs a fifth of a first request.
 *
 * @returns `undefined` for every other response, and where the platform would refuse this one, or change its status.
 */
function readLight(response: Response, bytesMax: number): ReadResponse | undefined {
  const [status, body, givenHeaders] = lightParts(response) ?? [];
  if (!Number.isInteger(status) || (status as number) < 200 || (status as number) > 599) return undefined;
  const isSeen = typeof body === "string" || body instanceof Uint8Array;
  if (body !== null && (!isSeen || isBodiless(status as number))) return undefined;
  const plain = plainHeaders(givenHeaders);
  const headers = plain ?? [...response.headers];
  const answer = { status: status as number, headers, body: givenBytes(body, bytesMax) };
  // Node sends the head in the encoding of the text that comes with it, so other letters there would not be those of a repeat.
  const isText =
    typeof body === "string" && (plain !== undefined || headers.every(([, value]) => asciiValue.test(value)));
  return { answer, given: response, text: isText ? body : undefined };
}

const asciiValue = /^[\t -~]*$/;

/** A value that the platform takes as it is. */
const plainValue = /^[!-~](?:[ -~]*[!-~])?$/;

/** Headers that were given as an object, where the platform would take each as it is. */
function plainHeaders(given: unknown): [name: string, value: string][] | undefined {
  if (typeof given !== "object" || given === null || Object.getPrototypeOf(given) !== Object.prototype)
    return undefined;
  const headers: [name: string, value: string][] = [];
  for (const [givenName, value] of Object.entries(given)) {
    const name = givenName.toLowerCase();
    // The platform joins the values of two names that differ in their case.
    const isPlain = typeof value === "string" && plainValue.test(value) && isHeaderName(name);
    if (!isPlain || headers.some(([other]) => other === name)) return undefined;
    headers.push([name, value]);
  }
  return headers;
}

/** @throws OnceAgainError `ONCE_RESULT_TOO_LARGE`. */
function givenBytes(given: string | Uint8Array | null, bytesMax: number): Uint8Array {
  if (given === null) return new Uint8Array();
  // A character has a byte at least. Bytes are copied: their handler may use them again before they are sent.
  if (given.length > bytesMax) throw resultTooLargeError(bytesMax);
  const bytes = typeof given === "string" ? encodeText(given) : Uint8Array.from(given);
  if (bytes.length > bytesMax) throw resultTooLargeError(bytesMax);
  return bytes;
}

/** Statuses that may have no body (fetch standard, "null body status"). */
function isBodiless(status: number): boolean {
  return status === 204 || status === 205 || status === 304;
}

/** How a web-standard route is closed: from then on its refusals end their connections, or callers would come to this process again. */
export function closableRoute(once: Pick<OnceRoute, "close">) {
  let isClosing = false;
  return {
    close: (): Promise<void> => {
      isClosing = true;
      return once.close();
    },
    finish: (response: HttpResponse): HttpResponse =>
      isClosing && response.status === 503
        ? { ...response, headers: [...response.headers, ["connection", "close"]] }
        : response,
  };
}

/**
 * An answer as a response. One that can't be sent is reported to `onError`, and answered with a plain 500.
 *
 * @param method that of the request: a response to `HEAD` has no body, so its length is not that of one.
 * @param given the handler's own response, where it ran: its reason phrase goes with its status.
 */
export function webResponse(
  method: string,
  { status, headers, body }: HttpResponse,
  given: ReadResponse | undefined,
  onError: (error: unknown) => void,
): Response {
  try {
    // A repeat does not know whether its handler gave an empty body or none, which some servers send differently.
    const isEmpty = body.length === 0 || isBodiless(status);
    const isZeroLength = isEmpty && method !== "HEAD" && status !== 204 && status !== 304;
    // Servers of a class of their own make the platform's response of it, and some forget what was set in its headers by then.
    const init = new SentInit(
      status,
      sentHeaders(headers, body, isZeroLength),
      isGzip(headers, body) ? "manual" : undefined,
      given,
    );
    if (isEmpty) return new Response(null, init);
    // Made in one piece, a response of a server's own class need not become one of the platform's. A text without a type would get one.
    const isText = given?.answer.body === body && headerValue(headers, "content-type") !== undefined;
    return new Response((isText ? given.text : undefined) ?? Uint8Array.from(body), init);
  } catch (error) {
    onError(error);
    return new Response("The answer to this request can't be sent.", { status: 500 });
  }
}

/** How a response is sent. The reason phrase of the handler's goes with its status. */
class SentInit {
  readonly status: number;
  readonly headers: Record<string, string> | Headers;
  readonly encodeBody: "manual" | undefined;
  readonly #given: ReadResponse | undefined;

  constructor(
    status: number,
    headers: Record<string, string> | Headers,
    encodeBody: "manual" | undefined,
    given: ReadResponse | undefined,
  ) {
    this.status = status;
    this.headers = headers;
    this.encodeBody = encodeBody;
    this.#given = given;
  }

  /**
   * Asked for when it is read: that makes a response of `@hono/node-server` one of the platform's. Its own adapter sends no reason
   * phrase and does not ask, but other servers do.
   */
  get statusText(): string {
    try {
      return this.#given?.answer.status === this.status ? this.#given.given.statusText : "";
    } catch {
      // The platform refuses the handler's own phrase.
      return "";
    }
  }
}

/**
 * Whether a body is encoded already. Cloudflare's runtime encodes a body by its `Content-Encoding`, unless its handler says
 * `encodeBody: "manual"`. A response does not show that, so the first bytes of gzip do. Other platforms ignore the option.
 */
function isGzip(headers: HttpResponse["headers"], body: Uint8Array): boolean {
  return body[0] === 0x1f && body[1] === 0x8b && headerValue(headers, "content-encoding") === "gzip";
}

/**
 * Headers as an object. As the platform's, where a name is repeated, and where a body has no type: a server may give one to it, and
 * one does so by the kind of the headers, which may be another on a repeat.
 */
function sentHeaders(
  headers: HttpResponse["headers"],
  body: Uint8Array,
  isZeroLength: boolean,
): Record<string, string> | Headers {
  const record: Record<string, string> = {};
  let joined: Headers | undefined;
  for (const [name, value] of headers) {
    const lowerCase = name.toLowerCase();
    if (isOfOtherFraming(lowerCase, value, body)) continue;
    if (joined === undefined && lowerCase in record) joined = new Headers(record);
    if (joined === undefined) record[lowerCase] = value;
    else joined.append(lowerCase, value);
  }
  if (body.length > 0 && !("content-type" in record)) joined ??= new Headers(record);
  if (!isZeroLength) return joined ?? record;
  if (joined === undefined) return { ...record, "content-length": "0" };
  joined.set("content-length", "0");
  return joined;
}

/** Whether a header says of a body that it comes in chunks, or has another length: it is sent whole. */
function isOfOtherFraming(lowerCase: string, value: string, body: Uint8Array): boolean {
  return lowerCase === "transfer-encoding" || (lowerCase === "content-length" && value !== String(body.length));
}
