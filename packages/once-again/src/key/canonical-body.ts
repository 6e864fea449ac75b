import type { Awaitable } from "../core/awaitable.ts";
import { canonicalJson } from "./canonical-json.ts";
import { joinBytes } from "../core/bytes.ts";
import { canonicalParts, isInexact } from "./multipart.ts";

/** A body in the form in which it is compared, and which form that is, so that two forms can't be mistaken. */
export interface CanonicalBody {
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
      () => ({ form: "bytes", content: joinBytes([new TextEncoder().encode(JSON.stringify(contentType)), body]) }),
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
    // Not what it says it is.
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
export function sortedFields(text: string): [string, string][] | string {
  if (text === "") return [];
  if (text.split("&", fieldsMax + 1).length > fieldsMax) return text;
  // Of two question marks, URLSearchParams takes the first only for a separator.
  const fields = new URLSearchParams(`?${text}`);
  fields.sort();
  const pairs = [...fields];
  return pairs.flat().some(isInexact) ? text : pairs;
}
