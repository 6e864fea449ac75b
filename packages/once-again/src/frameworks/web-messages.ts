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
 * @throws TypeError for what is no response, or one whose body somebody has read: nobody could send it.
 */
export async function readResponse(response: Response, bytesMax: number): Promise<HttpResponse> {
  if (response.bodyUsed) throw new TypeError("The response's body was read before it was returned. Return a clone.");
  const body = await readStream(response.body, bytesMax, resultTooLargeError);
  return { status: response.status, headers: [...response.headers], body };
}

/**
 * An answer as a response. One that can't be sent is reported to `onError`, and answered with a plain 500.
 *
 * @param given the handler's own response, where it ran: its reason phrase goes with its status.
 */
export function webResponse(
  { status, headers, body }: HttpResponse,
  given: Pick<Response, "status" | "statusText"> | undefined,
  onError: (error: unknown) => void,
): Response {
  // Statuses that may have no body (fetch standard, "null body status").
  const bodiless = status === 204 || status === 205 || status === 304;
  const statusText = given?.status === status ? given.statusText : "";
  try {
    // Without a body rather than with an empty one: servers give the latter a content type.
    const response = new Response(bodiless || body.length === 0 ? null : Uint8Array.from(body), { status, statusText });
    response.headers.delete("content-type");
    for (const [name, value] of headers) response.headers.append(name, value);
    return response;
  } catch (error) {
    onError(error);
    return new Response("The answer to this request can't be sent.", { status: 500 });
  }
}
