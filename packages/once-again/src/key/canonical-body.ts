import type { Awaitable } from "../core/awaitable.ts";
import { canonicalJson } from "./canonical-json.ts";
import { sha256 } from "./sha256.ts";

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
    return multipartParts(contentType, body).then(
      (parts) => ({ form: "parts", content: JSON.stringify(parts) }),
      () => bytes,
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

/**
 * The fields of a query or form, sorted by name; the order of one name's values stays, since it may have a meaning.
 * One with escapes that are no UTF-8 comes back as it is: they would all be decoded to one and the same character.
 *
 * @param text without a question mark before it.
 */
export function sortedFields(text: string): [string, string][] | string {
  if (text === "") return [];
  // Of two question marks, URLSearchParams takes the first only for a separator.
  const fields = new URLSearchParams(`?${text}`);
  fields.sort();
  const pairs = [...fields];
  return pairs.flat().some(isInexact) ? text : pairs;
}

/** Whether a text may have been decoded from more than one sequence of bytes. */
function isInexact(text: string): boolean {
  return text.includes("\ufffd");
}

/**
 * The parts of a multipart body without its boundary; files by their hash.
 *
 * @throws Error when it is no such body, or has a text that is not UTF-8.
 */
async function multipartParts(contentType: string, body: Uint8Array<ArrayBuffer>): Promise<unknown[]> {
  const form = await new Response(body, { headers: { "content-type": contentType } }).formData();
  const parts = await Promise.all(
    Array.from(form, async ([name, value]) =>
      typeof value === "string"
        ? [name, value]
        : [name, value.name, value.type, await sha256(new Uint8Array(await value.arrayBuffer()))],
    ),
  );
  if (parts.flat().some(isInexact)) throw new TypeError("not UTF-8");
  return parts;
}
