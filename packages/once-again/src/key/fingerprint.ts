import { type Awaitable, isPromise } from "../core/awaitable.ts";
import { joinBytes } from "../core/bytes.ts";
import { trimHeader } from "../core/trim-header.ts";
import { canonicalJson } from "./canonical-json.ts";
import { canonicalParts, isInexact } from "./multipart.ts";
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
  const mediaType = readMediaType(request.contentType);
  const body = canonicalBody(mediaType, request.contentType, request.body);
  return isPromise(body)
    ? body.then((canonical) => hashRequest(request, mediaType, canonical))
    : hashRequest(request, mediaType, body);
}

function hashRequest(
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
function readMediaType(contentType: string): string {
  const end = contentType.indexOf(";");
  return trimHeader(end < 0 ? contentType : contentType.slice(0, end)).toLowerCase();
}

/** A body in the form in which it is compared, and which form that is, so that two forms can't be mistaken. */
interface CanonicalBody {
  form: "json" | "fields" | "parts" | "bytes";
  content: Uint8Array<ArrayBuffer> | string;
}

/**
 * Brings a body into the form in which it is compared. A body that is not what its media type says is compared byte
 * for byte: judging it is the handler's business.
 */
export function canonicalBody(
  mediaType: string,
  contentType: string,
  body: Uint8Array<ArrayBuffer>,
): Awaitable<CanonicalBody> {
  const bytes: CanonicalBody = { form: "bytes", content: body };
  if (mediaType === "multipart/form-data") {
    return canonicalParts(contentType, body).then(
      (parts) => ({ form: "parts", content: parts }),
      // Under another boundary the same bytes are another message.
      () => ({ form: "bytes", content: joinBytes([encoder.encode(JSON.stringify(contentType)), body]) }),
    );
  }
  try {
    if (mediaType === "application/json" || mediaType.endsWith("+json")) {
      return { form: "json", content: canonicalJson(decode(body)) };
    }
    if (mediaType === "application/x-www-form-urlencoded") {
      return { form: "fields", content: JSON.stringify(sortedFields(decode(body))) };
    }
  } catch {
    // The body does not fit its media type, so it is compared byte for byte.
  }
  return bytes;
}

const utf8 = new TextDecoder("utf-8", { fatal: true });
const decode = (body: Uint8Array<ArrayBuffer>): string => utf8.decode(body);

/** The most fields that are sorted. The platform's parser takes seconds of the event loop for a million. */
const fieldsMax = 4096;

/**
 * The fields of a query or form, sorted by name; the order of one name's values stays, since it may have a meaning.
 * One with escapes that are no UTF-8 comes back as it is, since they would all be decoded to one and the same character. So
 * does one of more than `fieldsMax` fields, to be compared byte for byte.
 *
 * @param text without a question mark before it.
 */
function sortedFields(text: string): [string, string][] | string {
  if (text === "") return [];
  if (text.split("&", fieldsMax + 1).length > fieldsMax) return text;
  // Of two question marks, URLSearchParams takes the first only for a separator.
  const fields = new URLSearchParams(`?${text}`);
  fields.sort();
  const pairs = [...fields];
  return pairs.flat().some(isInexact) ? text : pairs;
}
