import type { HttpResponse, HttpRequest } from "../http/index.ts";
import type { OnceRoute } from "../http/handle-request.ts";
import { headerValue } from "../http/response.ts";
import { readStream } from "./web-body.ts";
import { resultTooLargeError } from "./errors.ts";

/** A web-standard request as the rules see it. */
export function httpRequestOf<Native>(
  request: Request,
  native: Native,
  body: HttpRequest<Native>["body"],
): HttpRequest<Native> {
  const { pathname, search } = new URL(request.url);
  return {
    native,
    method: request.method,
    path: pathname,
    query: search,
    contentType: request.headers.get("content-type") ?? "",
    headerValues(name) {
      const value = request.headers.get(name);
      return value === null ? [] : [value];
    },
    body,
  };
}

/** A handler's response that was read: as data, and what the data don't have. */
export interface ReadResponse {
  readonly answer: HttpResponse;
  readonly statusText: string;
  /** Whether there was a body, be it an empty one. */
  readonly hasBody: boolean;
  /** The body as text, where it was given as text: a server sends text in one piece with the head. */
  readonly text: string | undefined;
}

/**
 * Reads a response to its end.
 *
 * @throws TypeError for anything but a response, and for a response with a body that was read: it can't be sent.
 */
export async function readResponse(response: Response, bytesMax: number): Promise<ReadResponse> {
  // First of all: those of `@hono/node-server` are other ones once its body was looked at.
  const headers = [...response.headers];
  const given = givenBody(response);
  if (given !== undefined) {
    const text = typeof given === "string" ? given : undefined;
    const answer = { status: response.status, headers, body: givenBytes(given, bytesMax) };
    // Asked for last: it makes a response of the platform's. Its own adapter sends no reason phrase, but other servers do.
    return { answer, statusText: response.statusText, hasBody: given !== null, text };
  }
  if (response.bodyUsed) throw new TypeError("The response's body was read before it was returned. Return a clone.");
  const body = await readStream(response.body, bytesMax, resultTooLargeError);
  const answer = { status: response.status, headers, body };
  return { answer, statusText: response.statusText, hasBody: response.body !== null, text: undefined };
}

/**
 * The body of a response of `@hono/node-server`, as its handler gave it. Such a response has it until the platform's is made of
 * it, which costs a fifth of a first request.
 *
 * @returns `undefined` for every other response, and where the platform would refuse this one, or change its status.
 */
function givenBody(response: Response): string | Uint8Array | null | undefined {
  const [status, body] = lightParts(response) ?? [];
  if (!Number.isInteger(status) || (status as number) < 200 || (status as number) > 599) return undefined;
  if (body === null) return null;
  const isSeen = typeof body === "string" || body instanceof Uint8Array;
  return isSeen && !isBodiless(status as number) ? body : undefined;
}

/** The class of the responses of `@hono/node-server`, and the symbol under which one has its status, body and headers. */
let light: { readonly prototype: unknown; readonly parts: symbol } | undefined;

/** They are private, so a version that has them elsewhere has its responses read as all others are. */
function lightParts(response: Response): readonly unknown[] | undefined {
  const prototype = Object.getPrototypeOf(response) as object;
  if (light?.prototype !== prototype) {
    const parts = symbolOf(response, "cache");
    if (parts === undefined || symbolOf(prototype, "getResponseCache") === undefined) return undefined;
    light = { prototype, parts };
  }
  const parts: unknown = Reflect.get(response, light.parts);
  return Array.isArray(parts) ? (parts as unknown[]) : undefined;
}

function symbolOf(owner: object, description: string): symbol | undefined {
  return Object.getOwnPropertySymbols(owner).find((symbol) => symbol.description === description);
}

/** @throws OnceAgainError `ONCE_RESULT_TOO_LARGE`. */
function givenBytes(given: string | Uint8Array | null, bytesMax: number): Uint8Array {
  if (given === null) return new Uint8Array();
  // A character has a byte at least. Bytes are copied: their handler may use them again before they are sent.
  if (given.length > bytesMax) throw resultTooLargeError(bytesMax);
  const bytes = typeof given === "string" ? encoder.encode(given) : Uint8Array.from(given);
  if (bytes.length > bytesMax) throw resultTooLargeError(bytesMax);
  return bytes;
}

const encoder = new TextEncoder();

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
 * @param given the handler's own response, where it ran: its reason phrase goes with its status, and an empty body stays one.
 */
export function webResponse(
  { status, headers, body }: HttpResponse,
  given: ReadResponse | undefined,
  onError: (error: unknown) => void,
): Response {
  const statusText = given?.answer.status === status ? given.statusText : "";
  try {
    // An empty body becomes null, unless the handler gave one: servers give it a content type.
    const isNull = isBodiless(status) || (body.length === 0 && given?.hasBody !== true);
    const record = isNull ? undefined : recordOf(headers, body);
    const encoding = encodingOptions(headers, body);
    // Made in one piece, a response of a server's own class need not become one of the platform's.
    if (record !== undefined) {
      const text = given?.answer.body === body ? given.text : undefined;
      return new Response(text ?? Uint8Array.from(body), { status, statusText, headers: record, ...encoding });
    }
    const response = new Response(isNull ? null : Uint8Array.from(body), { status, statusText, ...encoding });
    response.headers.delete("content-type");
    for (const [name, value] of headers) {
      if (!isOfOtherFraming(name, value, body)) response.headers.append(name, value);
    }
    return response;
  } catch (error) {
    onError(error);
    return new Response("The answer to this request can't be sent.", { status: 500 });
  }
}

/**
 * More options of a response with an encoded body. Cloudflare's runtime encodes a body by its `Content-Encoding`, also one that is encoded
 * already, unless its handler says `encodeBody: "manual"`. A response does not show that, so the first bytes of gzip do. Other
 * platforms ignore the option.
 */
function encodingOptions(
  headers: HttpResponse["headers"],
  body: Uint8Array,
): { readonly encodeBody: "manual" } | undefined {
  const isGzip = body[0] === 0x1f && body[1] === 0x8b && headerValue(headers, "content-encoding") === "gzip";
  return isGzip ? { encodeBody: "manual" } : undefined;
}

/** Headers as an object. `undefined` where a name is repeated, and where the platform would add a content type. */
function recordOf(headers: HttpResponse["headers"], body: Uint8Array): Record<string, string> | undefined {
  const record: Record<string, string> = {};
  for (const [name, value] of headers) {
    const lowerCase = name.toLowerCase();
    if (lowerCase in record) return undefined;
    if (!isOfOtherFraming(name, value, body)) record[lowerCase] = value;
  }
  return "content-type" in record ? record : undefined;
}

/** Whether a header says of a body that it comes in chunks, or has another length: it is sent whole. */
function isOfOtherFraming(name: string, value: string, body: Uint8Array): boolean {
  const lowerCase = name.toLowerCase();
  return lowerCase === "transfer-encoding" || (lowerCase === "content-length" && value !== String(body.length));
}
