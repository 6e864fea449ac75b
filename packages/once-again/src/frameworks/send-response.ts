import { type OutgoingHttpHeaders, ServerResponse } from "node:http";
import type { HttpResponse } from "../http/index.ts";
import { hasNoHeaders, ofBody, ofConnection, restoreHeaders } from "./node-headers.ts";

/** A captured answer, and what only its first caller gets of it. */
export interface CapturedResponse extends HttpResponse {
  /** The reason phrase that the handler set. */
  reason: string;
  /** Headers of middleware in front that the handler took away. */
  removed: string[];
}

/** Whether somebody else has answered, or nobody can any more. */
export function isAnswered(response: ServerResponse): boolean {
  return response.headersSent || response.writableEnded || isStreamGone(response);
}

/**
 * Sends an answer in place of what the handler set: its headers over those that middleware in front has set by now.
 *
 * @param captured the answer as its handler gave it, where this is the first caller.
 * @returns the reason why it can't be sent; a plain 500 has gone out then.
 */
export function sendResponse(
  response: ServerResponse,
  headersBefore: OutgoingHttpHeaders | undefined,
  answer: HttpResponse,
  captured: CapturedResponse | undefined,
): unknown {
  try {
    restoreHeaders(response, headersBefore);
    for (const name of captured?.removed ?? []) response.removeHeader(name);
    setReason(response, captured?.reason);
    write(response, answer);
    return undefined;
  } catch (error) {
    sendPlain500(response);
    return error;
  }
}

function write(response: ServerResponse, { status, headers, body }: HttpResponse): void {
  const sent = headers.filter(([name]) => !ofConnection.has(name.toLowerCase()) && !ofBody.has(name.toLowerCase()));
  const length = lengthOf(response, { status, headers, body });
  // What is set header by header costs several times as much. But who put a function of its own in the place of
  // `writeHead`, as `on-headers` does, may not know this form.
  if (hasNoHeaders(response) && response.writeHead === ServerResponse.prototype.writeHead) {
    response.writeHead(status, [...sent, ...length].flat());
  } else {
    for (const name of ofBody) response.removeHeader(name);
    for (const [name] of sent) response.removeHeader(name);
    for (const [name, value] of [...sent, ...length]) response.appendHeader(name, value);
    response.statusCode = status;
  }
  // Node writes headers and a text in one piece, and bytes in a second. In Latin-1, each byte is a character.
  response.end(Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString("latin1"), "latin1");
}

/** The length of the body that is sent; of an answer to HEAD, which has none, the one that its handler named. */
function lengthOf(response: ServerResponse, { status, headers, body }: HttpResponse): [name: string, value: string][] {
  if (status === 204 || status === 304) return [];
  if (body.length > 0 || (response.req as { method?: string } | undefined)?.method !== "HEAD") {
    return [["content-length", String(body.length)]];
  }
  return headers.filter(([name]) => name.toLowerCase() === "content-length").map(([name, value]) => [name, value]);
}

/** The reason phrase that a framework set for another status does not fit this one. */
function setReason(response: ServerResponse, reason = ""): void {
  if (isHttp2(response) || (response.statusMessage ?? "") === reason) return;
  response.statusMessage = reason;
}

function sendPlain500(response: ServerResponse): void {
  try {
    for (const name of response.getHeaderNames()) response.removeHeader(name);
    response.statusCode = 500;
    setReason(response);
    response.end();
  } catch {
    response.destroy();
  }
}

function isHttp2(response: ServerResponse): boolean {
  return "stream" in response;
}

/** HTTP/2 has no response of its own after its stream is gone. */
function isStreamGone(response: ServerResponse): boolean {
  return isHttp2(response) && (response as unknown as { stream: { destroyed: boolean } }).stream.destroyed;
}
