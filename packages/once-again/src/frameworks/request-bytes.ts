import type { IncomingMessage } from "node:http";
import type { Awaitable } from "../core/awaitable.ts";
import { hasEnded, bodyTapOf, isLazy } from "./body-tap.ts";
import { peekBody } from "./peek-body.ts";
import { bodyConsumedError, bodyTooLargeError } from "./errors.ts";

/** What body parsers leave behind, on a framework's request. */
export interface ParsedRequest {
  /** The bytes that a parser read, where it keeps them; or their text. */
  rawBody?: unknown;
  /** What a parser made of them: only bytes are of use. */
  body?: unknown;
}

/** What a text has in the place of bytes that were no UTF-8, whatever they were. */
const replaced = "\ufffd";

/**
 * The body of a request, as the bytes that came: from a parser that kept them, as `tapBody` heard them, or from the
 * stream, which is then as it was. What a parser made of them won't do: a difference in the body may be gone by then.
 *
 * @throws OnceAgainError `ONCE_BODY_TOO_LARGE`; `ONCE_BODY_CONSUMED` when somebody read the body and kept no bytes.
 */
export function requestBytes(
  request: IncomingMessage,
  { rawBody, body }: ParsedRequest,
  bytesMax: number,
): Awaitable<Uint8Array<ArrayBuffer>> {
  const kept = bytesOf(rawBody) ?? (body instanceof Uint8Array ? Uint8Array.from(body) : undefined);
  if (kept !== undefined) {
    if (kept.length > bytesMax) throw bodyTooLargeError(bytesMax);
    return kept;
  }
  if (!hasBody(request)) return new Uint8Array();
  // Most bodies are here by now.
  return bodyTapOf(request)?.bytes ?? bytesLater(request, bytesMax);
}

async function bytesLater(request: IncomingMessage, bytesMax: number): Promise<Uint8Array<ArrayBuffer>> {
  const heard = bodyTapOf(request);
  const settling = heard?.settled();
  if (settling !== undefined) await settling;
  if (heard?.isTooLarge) throw bodyTooLargeError(bytesMax);
  const bytes = heard?.bytes;
  if (bytes !== undefined) return bytes;
  if (request.readableDidRead || request.readableEnded) throw bodyConsumedError();
  return peekBody(request, bytesMax);
}

function bytesOf(rawBody: unknown): Uint8Array<ArrayBuffer> | undefined {
  if (rawBody instanceof Uint8Array) return Uint8Array.from(rawBody);
  return typeof rawBody === "string" ? exactBytes(rawBody) : undefined;
}

/** The bytes of a text, unless different ones may have come to the same text. */
export function exactBytes(text: string): Uint8Array<ArrayBuffer> | undefined {
  return text.includes(replaced) ? undefined : new TextEncoder().encode(text);
}

/** RFC 9112, section 6.3. What has no HTTP/1 below it need not say how long it is. */
function hasBody(request: IncomingMessage): boolean {
  const { headers } = request;
  if (headers["transfer-encoding"] !== undefined || Number(headers["content-length"] ?? 0) > 0) return true;
  if (!isLazy(request) || typeof request.push !== "function") return false;
  // Where somebody has heard it, it may be read already.
  return bodyTapOf(request) !== undefined || request.readableLength > 0 || !hasEnded(request);
}
