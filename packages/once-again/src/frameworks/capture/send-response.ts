import { type OutgoingHttpHeaders, ServerResponse } from "node:http";
import type { HttpResponse } from "../../http/index.ts";
import { hasNoHeaders, ofBody, ofConnection, replaceHeaders } from "./node-headers.ts";

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
    setReason(response, captured?.reason);
    writeHead(response, headersBefore, answer, captured?.removed);
    // Node writes headers and a text in one piece, and bytes in a second. In Latin-1, each byte is a character.
    const { buffer, byteOffset, byteLength } = answer.body;
    response.end(Buffer.from(buffer, byteOffset, byteLength).toString("latin1"), "latin1");
    return undefined;
  } catch (error) {
    sendPlain500(response);
    return error;
  }
}

function writeHead(
  response: ServerResponse,
  before: OutgoingHttpHeaders | undefined,
  answer: HttpResponse,
  removed: readonly string[] = [],
): void {
  const { status } = answer;
  const sent = headersToSend(response, answer);
  if (before === undefined) {
    replaceHeaders(response, { before, without: [], over: [] });
    // What is set header by header costs several times as much. But who put a function of its own in the place of
    // `writeHead`, as `on-headers` does, may not know this form.
    if (hasNoHeaders(response) && response.writeHead === ServerResponse.prototype.writeHead) {
      response.writeHead(status, sent);
      return;
    }
  }
  replaceHeaders(response, { before, without: [...removed, ...ofBody], over: sent });
  response.statusCode = status;
}

/** Names in lower case and values, in turn. */
function headersToSend(response: ServerResponse, answer: HttpResponse): string[] {
  const sent: string[] = [];
  for (const [name, value] of answer.headers) {
    const lowerCase = name.toLowerCase();
    if (!ofConnection.has(lowerCase) && !ofBody.has(lowerCase)) sent.push(lowerCase, value);
  }
  const length = lengthOf(response, answer);
  if (length !== undefined) sent.push("content-length", length);
  return sent;
}

/** The length of the body that is sent; of an answer to HEAD, which has none, the one that its handler named. */
function lengthOf(response: ServerResponse, { status, headers, body }: HttpResponse): string | undefined {
  if (status === 204 || status === 304) return undefined;
  if (body.length > 0 || (response.req as { method?: string } | undefined)?.method !== "HEAD")
    return String(body.length);
  return headers.find(([name]) => name.toLowerCase() === "content-length")?.[1];
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
