import { configure } from "safe-stable-stringify";
import { scanJson } from "./json-scan.ts";
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
): CanonicalBody | Promise<CanonicalBody> {
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
 * JSON by RFC 8785.
 *
 * @throws Error when the text is no JSON, is nested deeper than `levelsMax`, has half a character in it, has one member
 *   twice in an object, since parsers differ on which one they take, or holds a number that a double can't keep:
 *   9007199254740993 and 9007199254740992 would become one, and two different amounts must never look the same.
 */
function canonicalJson(text: string): string {
  const value: unknown = JSON.parse(text);
  // Each level has two brackets.
  if (text.length > 2 * levelsMax && isDeeper(value, levelsMax)) throw new RangeError("nested too deep");
  const canonical = stringifySorted(value);
  if (canonical === undefined || loneSurrogate.test(canonical)) throw new TypeError("not JSON");
  const { members, isExact } = scanJson(text);
  if (!isExact) throw new RangeError("inexact number");
  if (members > 1 && members !== scanJson(canonical).members) throw new TypeError("a member twice");
  return canonical;
}

/** How many levels are looked at. How many there is room for depends on who calls, and one body must have one form. */
const levelsMax = 500;

function isDeeper(value: unknown, levels: number): boolean {
  if (typeof value !== "object" || value === null) return false;
  return levels === 0 || Object.values(value).some((member) => isDeeper(member, levels - 1));
}

/** What RFC 8785 asks for is what JavaScript writes, with the members sorted by the UTF-16 of their names. */
const stringifySorted = configure({ strict: true });

/** Half a character, of which RFC 8785, section 3.2.2.2, wants no canonical form: written as an escape, never by itself. */
const loneSurrogate = /(?<!\\)(?:\\\\)*\\ud[89a-f]/;

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
