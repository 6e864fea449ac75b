import { keyHeaderName } from "../key/index.ts";
import type { HttpAnswer, HttpRequest } from "../server/index.ts";
import { readBytes, resultTooLarge } from "./read-bytes.ts";

/** A web-standard request as the rules see it. */
export function httpRequestOf<Native>(
  request: Request,
  native: Native,
  body: HttpRequest<Native>["body"],
): HttpRequest<Native> {
  const { pathname, search } = new URL(request.url);
  const keyValue = request.headers.get(keyHeaderName);
  return {
    native,
    method: request.method,
    path: pathname,
    query: search,
    contentType: request.headers.get("content-type") ?? "",
    keyValues: keyValue === null ? [] : [keyValue],
    body,
  };
}

/** A response as data, read to its end. */
export async function answerOf(response: Response, bytesMax: number): Promise<HttpAnswer> {
  const body = await readBytes(response.body, bytesMax, resultTooLarge);
  return { status: response.status, headers: [...response.headers], body };
}

export function responseOf({ status, headers, body }: HttpAnswer): Response {
  // Statuses that may have no body (fetch standard, "null body status").
  const bodiless = status === 204 || status === 205 || status === 304;
  const response = new Response(bodiless ? null : Uint8Array.from(body), { status });
  response.headers.delete("content-type");
  for (const [name, value] of headers) response.headers.append(name, value);
  return response;
}
