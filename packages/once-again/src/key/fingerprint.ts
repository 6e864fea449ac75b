import { trimHeader } from "../core/trim-header.ts";
import { type Awaitable, isPromise } from "../core/awaitable.ts";
import { joinBytes } from "../core/bytes.ts";
import { type CanonicalBody, canonicalBody, sortedFields } from "./canonical-body.ts";
import { sha256 } from "./sha256.ts";

/** The request that a fingerprint is taken of. */
export interface FingerprintedRequest {
  method: string;
  /** The full path as it was sent, with every mount point, without the query. */
  path: string;
  /** The query, with or without its question mark; the order of different names is no difference. */
  query: string;
  /** The `Content-Type` header, or an empty string. Only its media type counts, not its parameters. */
  contentType: string;
  /** The whole body; empty if the request has no body. */
  body: Uint8Array<ArrayBuffer>;
}

/**
 * The fingerprint of a request: SHA-256, in hexadecimal, over method, path, sorted query, media type and body. Two
 * requests with one key and different fingerprints are different operations.
 *
 * JSON bodies count by RFC 8785, so neither white space nor the order of members is a difference; form bodies by their
 * fields, multipart bodies by their parts; every other body byte for byte, and a form of more than 4096 fields, too.
 */
export async function fingerprint(request: FingerprintedRequest): Promise<string> {
  return requestFingerprint(request);
}

/** The same, at once where it can be had at once: of all but large bodies and those of several parts, on a server. */
export function requestFingerprint(request: FingerprintedRequest): Awaitable<string> {
  const mediaType = mediaTypeOf(request.contentType);
  const body = canonicalBody(mediaType, request.contentType, request.body);
  return isPromise(body)
    ? body.then((canonical) => fingerprintOf(request, mediaType, canonical))
    : fingerprintOf(request, mediaType, body);
}

function fingerprintOf(
  { method, path, query }: FingerprintedRequest,
  mediaType: string,
  { form, content }: CanonicalBody,
): Awaitable<string> {
  const fields = sortedFields(query.startsWith("?") ? query.slice(1) : query);
  // The end of an array of JSON can't be mistaken, so nothing need separate it from what follows.
  const head = JSON.stringify([method.toUpperCase(), path, fields, mediaType, form]);
  return sha256(typeof content === "string" ? head + content : joinBytes([encoder.encode(head), content]));
}

const encoder = new TextEncoder();

/** `Text/Html; charset=utf-8` is `text/html`. */
function mediaTypeOf(contentType: string): string {
  const end = contentType.indexOf(";");
  return trimHeader(end < 0 ? contentType : contentType.slice(0, end)).toLowerCase();
}
