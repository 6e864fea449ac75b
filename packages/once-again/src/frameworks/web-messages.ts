import type { HttpResponse, HttpRequest } from "../http/index.ts";
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

/**
 * A response as data, read to its end.
 *
 * @throws TypeError for anything but a response, and for a response with a body that was read: it can't be sent.
 */
export async function readResponse(response: Response, bytesMax: number): Promise<HttpResponse> {
  // First of all: those of `@hono/node-server` are other ones once its body was looked at.
  const headers = [...response.headers];
  if (response.bodyUsed) throw new TypeError("The response's body was read before it was returned. Return a clone.");
  const body = await readStream(response.body, bytesMax, resultTooLargeError);
  return { status: response.status, headers, body };
}

/**
 * An answer as a response. One that can't be sent is reported to `onError`, and answered with a plain 500.
 *
 * @param given the handler's own response, where it ran: its reason phrase goes with its status, and an empty body stays one.
 */
export function webResponse(
  { status, headers, body }: HttpResponse,
  given: Pick<Response, "body" | "status" | "statusText"> | undefined,
  onError: (error: unknown) => void,
): Response {
  // Statuses that may have no body (fetch standard, "null body status").
  const bodiless = status === 204 || status === 205 || status === 304;
  const statusText = given?.status === status ? given.statusText : "";
  try {
    // An empty body becomes null, unless the handler gave one: servers give it a content type.
    const isNull = bodiless || (body.length === 0 && (given?.body ?? null) === null);
    const record = isNull ? undefined : recordOf(headers, body);
    // Made in one piece, a response of a server's own class need not become one of the platform's.
    if (record !== undefined) return new Response(Uint8Array.from(body), { status, statusText, headers: record });
    const response = new Response(isNull ? null : Uint8Array.from(body), { status, statusText });
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
