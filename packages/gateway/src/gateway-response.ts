import { STATUS_CODES, type ServerResponse } from "node:http";
import type { HttpResponse } from "once-again/http";
import { drawRetryAfterSeconds, retryAfterRange, systemRandom } from "once-again/internal";
import type { CorsRules } from "./cors.ts";
import { type RawHeaders, responseHeaders } from "./forward-headers.ts";

/**
 * An answer of the gateway's own to what passes through, as problem+json (RFC 9457). After a 503 callers come back in 1 to 3 s.
 *
 * @param awayMs for how long the service behind can't be reached, milliseconds: they come back later then.
 */
export function plainProblem(status: number, detail: string, code?: string, awayMs = 0): HttpResponse {
  const body = Buffer.from(JSON.stringify({ type: "about:blank", title: STATUS_CODES[status], status, detail, code }));
  const headers: [string, string][] = [["content-type", "application/problem+json"]];
  if (status === 503)
    headers.push(["retry-after", String(drawRetryAfterSeconds(retryAfterRange(1000, awayMs), systemRandom))]);
  return { status, headers, body };
}

/** The rules for web pages, by the responses that they are for. */
const corsOf = new WeakMap<ServerResponse, CorsRules>();

/** Has a response follow the rules for web pages. */
export const useCors = (response: ServerResponse, rules: CorsRules): void => void corsOf.set(response, rules);

/**
 * Sends a response that is whole; a caller who has left gets none.
 *
 * @param maker who made it: the gateway says which web pages may read its own, the service of its.
 */
export function sendResponse(
  response: ServerResponse,
  whole: HttpResponse,
  maker: "gateway" | "service" = "gateway",
): void {
  if (response.headersSent || response.destroyed) return void response.destroy();
  const cors = corsOf.get(response);
  const answer = maker === "gateway" ? cors?.addToOwn(response.req, whole) : cors?.addToService(whole);
  const { status, headers, body } = answer ?? whole;
  const sent: string[] = [];
  for (const [name, value] of headers) if (name.toLowerCase() !== "content-length") sent.push(name, value);
  if (status !== 204 && status !== 304) sent.push("content-length", String(body.length));
  response.writeHead(status, STATUS_CODES[status] ?? "", sent);
  response.end(body);
}

/** Sends the head of an upstream's answer on, as it came. */
export function forwardHead(response: ServerResponse, status: number, reason: string, raw: RawHeaders): void {
  response.sendDate = false;
  const headers = responseHeaders(raw);
  // undici reads a reason as UTF-8, and one of other bytes can't be sent. Clients ignore it (RFC 9112, section 4).
  const sent = /^[\t -~\u0080-\u00ff]*$/.test(reason) ? reason : "";
  const trailed = sendsTrailers(response, status, headers) ? headers : withoutHeader(headers, "trailer");
  const framed = status === 204 ? withoutHeader(trailed, "content-length") : trailed;
  // Node only reads the list.
  response.writeHead(status, sent, framed as string[]);
}

/** Node's own, beneath `write` and `flushHeaders`. */
const send = "_send";

interface SendingResponse {
  [send](data: string, encoding: "latin1"): void;
}

/**
 * Sends the head of an answer before its first data, for a stream that begins without any, as one of events. Node's
 * `flushHeaders` writes headers as UTF-8, and theirs is Latin-1.
 */
export function flushHead(response: ServerResponse): void {
  if (response.writableEnded || response.destroyed) return;
  (response as unknown as SendingResponse)[send]("", "latin1");
}

/** Whether an answer can end with trailers: Node refuses to announce them where it can't. */
function sendsTrailers({ req }: ServerResponse, status: number, headers: readonly string[]): boolean {
  if (req.httpVersion !== "1.1" || req.method === "HEAD" || status === 204 || status === 304) return false;
  return !hasHeader(headers, "content-length");
}

/** Whether headers, names and values in turn, have one. */
export function hasHeader(headers: readonly string[], lowerCaseName: string): boolean {
  for (let at = 0; at < headers.length; at += 2) {
    const name = headers[at]!;
    if (name.length === lowerCaseName.length && name.toLowerCase() === lowerCaseName) return true;
  }
  return false;
}

/** Headers, names and values in turn, without one: the same list where it is not there. */
export function withoutHeader(headers: readonly string[], lowerCaseName: string): readonly string[] {
  if (!hasHeader(headers, lowerCaseName)) return headers;
  return headers.filter((_, at) => headers[at - (at % 2)]?.toLowerCase() !== lowerCaseName);
}

/** How much may wait to be sent to a caller before interim responses are left out, bytes. */
const interimBytesMax = 16_384;

/** Sends an interim answer on (RFC 9110, section 15.2): Node can write two kinds of them itself. */
export function forwardInterim(response: ServerResponse, status: number, raw: RawHeaders): void {
  const { socket } = response;
  // A response that waits for its turn has no connection yet, and its caller does not wait for news.
  if (socket === null || response.headersSent || response.req.httpVersion !== "1.1") return;
  if (socket.writableLength > interimBytesMax) return;
  const headers = responseHeaders(raw);
  let head = `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ""}\r\n`;
  for (let at = 0; at < headers.length; at += 2) head += `${headers[at]}: ${headers[at + 1]}\r\n`;
  socket.write(`${head}\r\n`, "latin1");
}
