import { canonicalBody, sortedFields } from "./canonical-body.ts";
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
  /** The whole body; empty when there is none. */
  body: Uint8Array<ArrayBuffer>;
}

/**
 * The fingerprint of a request: SHA-256, in hexadecimal, over method, path, sorted query, media type and body. Two
 * requests with one key and different fingerprints are different operations.
 *
 * JSON bodies count by RFC 8785, so neither white space nor the order of members is a difference; form bodies by their
 * fields, multipart bodies by their parts; every other body byte for byte.
 */
export async function fingerprint(request: FingerprintedRequest): Promise<string> {
  const mediaType = mediaTypeOf(request.contentType);
  const { form, content } = await canonicalBody(mediaType, request.contentType, request.body);
  const head = [
    request.method.toUpperCase(),
    request.path,
    sortedFields(request.query.replace(/^\?/, "")),
    mediaType,
    form,
  ];
  return sha256(JSON.stringify([...head, await sha256(content)]));
}

/** `Text/Html; charset=utf-8` is `text/html`. */
function mediaTypeOf(contentType: string): string {
  return (contentType.split(";", 1)[0] ?? "").trim().toLowerCase();
}
