import { type Awaitable, isPromise } from "../core/awaitable.ts";
import { joinBytes } from "../core/bytes.ts";
import { trimHeader } from "./key.ts";
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

/** How many levels are read. How many there is room for depends on who calls, and one text must have one form. */
const levelsMax = 500;

/**
 * JSON by RFC 8785: without white space, members in the order of their names, texts and numbers as JavaScript writes them.
 * It is made in one pass over the text, and no value is made of it: `JSON.parse` of V8 13 may take a name with escapes for
 * another name.
 *
 * @param text well-formed, as text out of UTF-8 is.
 * @throws SyntaxError when the text is no JSON (RFC 8259), is nested deeper than `levelsMax`, has half a character in it, has
 *   one member twice in an object, since parsers differ on which one they take, or holds a number that a double can't keep:
 *   9007199254740993 and 9007199254740992 would become one, and two different amounts must never look the same.
 */
export function canonicalJson(text: string): string {
  const reader = new JsonReader(text);
  const canonical = reader.value(levelsMax);
  reader.end();
  return canonical;
}

const [quote, backslash, comma, colon, minus, zero, nine] = [0x22, 0x5c, 0x2c, 0x3a, 0x2d, 0x30, 0x39];
const [openBracket, closeBracket, openBrace, closeBrace] = [0x5b, 0x5d, 0x7b, 0x7d];

/** Goes through a text once. Each method takes what stands next, and gives its canonical form. */
class JsonReader {
  readonly #text: string;
  /** Whether no string of the text can be written otherwise than it is. */
  readonly #isPlain: boolean;
  #at = 0;
  /** Whether something since the last check was not in its canonical form. Text in canonical form can be cut out as it is. */
  #isChanged = false;

  constructor(text: string) {
    this.#text = text;
    this.#isPlain = !notPlain.test(text);
  }

  /** @param levels how many lists and objects may stand in each other here. */
  value(levels: number): string {
    const code = this.#next();
    if (code === quote) return this.#string();
    if (code === openBrace) return this.#object(levels);
    if (code === openBracket) return this.#list(levels);
    return code === minus || isDigit(code) ? this.#number() : this.#match(wordAt);
  }

  end(): void {
    this.#next();
    if (this.#at < this.#text.length) this.#fail();
  }

  #object(levels: number): string {
    const members: Member[] = [];
    if (this.#opens(closeBrace, levels)) {
      do members.push(this.#member(levels - 1));
      while (this.#goesOn(closeBrace));
    }
    if (sortByName(members)) this.#isChanged = true;
    let canonical = "";
    let previous: string | undefined;
    for (const { name, text } of members) {
      if (name === previous) this.#fail();
      canonical += previous === undefined ? text : `,${text}`;
      previous = name;
    }
    return `{${canonical}}`;
  }

  #member(levels: number): Member {
    if (this.#next() !== quote) this.#fail();
    const wasChanged = this.#isChanged;
    this.#isChanged = false;
    const start = this.#at;
    const literal = this.#string();
    if (this.#next() !== colon) this.#fail();
    this.#at += 1;
    const name = literal.includes("\\") ? (JSON.parse(literal) as string) : literal.slice(1, -1);
    const value = this.value(levels);
    const text = this.#isChanged ? `${literal}:${value}` : this.#text.slice(start, this.#at);
    this.#isChanged ||= wasChanged;
    return { name, text };
  }

  #list(levels: number): string {
    if (!this.#opens(closeBracket, levels)) return "[]";
    let canonical = this.value(levels - 1);
    while (this.#goesOn(closeBracket)) canonical += `,${this.value(levels - 1)}`;
    return `[${canonical}]`;
  }

  /** Takes an opening bracket. @returns whether there is something in it; its end is taken if not. */
  #opens(close: number, levels: number): boolean {
    if (levels === 0) this.#fail();
    this.#at += 1;
    if (this.#next() !== close) return true;
    this.#at += 1;
    return false;
  }

  /** Takes a comma, or the end. @returns whether it was a comma. */
  #goesOn(close: number): boolean {
    const code = this.#next();
    if (code !== comma && code !== close) this.#fail();
    this.#at += 1;
    return code === comma;
  }

  #string(): string {
    const end = this.#isPlain ? this.#text.indexOf('"', this.#at + 1) : stringEnd(this.#text, this.#at);
    if (end < 0) this.#fail();
    const literal = this.#text.slice(this.#at, end + 1);
    this.#at = end + 1;
    if (this.#isPlain || !notPlain.test(literal)) return literal;
    const value = JSON.parse(literal) as string;
    if (!value.isWellFormed()) this.#fail();
    const canonical = JSON.stringify(value);
    if (canonical !== literal) this.#isChanged = true;
    return canonical;
  }

  #number(): string {
    return this.#plainInteger() ?? this.#otherNumber();
  }

  #otherNumber(): string {
    const literal = this.#match(numberAt);
    const canonical = exactNumber(literal) ?? this.#fail();
    if (canonical !== literal) this.#isChanged = true;
    return canonical;
  }

  /** Most numbers: whole, of so many digits that every double keeps them, and written as JavaScript does. */
  #plainInteger(): string | undefined {
    const text = this.#text;
    const start = this.#at;
    let end = start;
    while (isDigit(text.charCodeAt(end))) end += 1;
    if (end === start || end - start > digitsMax) return undefined;
    if (text.charCodeAt(start) === zero || inNumber.has(text.charCodeAt(end))) return undefined;
    this.#at = end;
    return text.slice(start, end);
  }

  #match(pattern: RegExp): string {
    pattern.lastIndex = this.#at;
    const [matched] = pattern.exec(this.#text) ?? this.#fail();
    this.#at = pattern.lastIndex;
    return matched;
  }

  /** Passes white space. @returns what stands behind it; `NaN` at the end. */
  #next(): number {
    const text = this.#text;
    let code = text.charCodeAt(this.#at);
    while (code === 0x20 || code === 0x0a || code === 0x0d || code === 0x09) {
      this.#isChanged = true;
      this.#at += 1;
      code = text.charCodeAt(this.#at);
    }
    return code;
  }

  #fail(): never {
    throw new SyntaxError(`No JSON with a canonical form, at ${this.#at}.`);
  }
}

const wordAt = /true|false|null/y;
const numberAt = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][-+]?\d+)?/y;
/** All but what a string may hold and stay as it is: backslashes, and control characters. */
const notPlain = /[^ -[\]-\uffff]/;
/** Characters that may follow a number's first digits: `.`, `e` and `E`. */
const inNumber: ReadonlySet<number> = new Set([0x2e, 0x65, 0x45]);
/** A double holds a number of up to so many digits exactly, unless it is larger or smaller than doubles are (IEEE 754). */
const digitsMax = 15;

function isDigit(code: number): boolean {
  return code >= zero && code <= nine;
}

/** Where the quote stands that ends the string which begins at `start`; negative where none does. */
function stringEnd(text: string, start: number): number {
  for (let end = text.indexOf('"', start + 1); ; end = text.indexOf('"', end + 1)) {
    let before = end;
    while (text.charCodeAt(before - 1) === backslash) before -= 1;
    if ((end - before) % 2 === 0) return end;
  }
}

interface Member {
  readonly name: string;
  /** In its canonical form, with the name. */
  readonly text: string;
}

/** Up to so many, moving each to its place makes nothing anew. */
const fewMembers = 16;

/** Sorts members by the UTF-16 of their names (RFC 8785, section 3.2.3). @returns whether they were not. */
function sortByName(members: Member[]): boolean {
  let isChanged = false;
  for (let last = 1; last < members.length; last += 1) {
    const member = members[last]!;
    if (members[last - 1]!.name <= member.name) continue;
    isChanged = true;
    if (members.length > fewMembers) {
      members.sort((one, other) => (one.name < other.name ? -1 : 1));
      break;
    }
    let place = last;
    for (; place > 0 && members[place - 1]!.name > member.name; place -= 1) members[place] = members[place - 1]!;
    members[place] = member;
  }
  return isChanged;
}

/**
 * A decimal literal as JavaScript writes its number, if it survives as a double; `undefined` if not. One of up to 15
 * significant digits does, as long as it is neither so large nor so small that a double has fewer digits there, and so does
 * what JavaScript itself writes.
 */
export function exactNumber(source: string): string | undefined {
  const shortest = String(Number(source));
  if (shortest === source) return shortest;
  const digits = source.split(/e/i, 1)[0]!.replaceAll(/[-.]/g, "").replace(/^0+/, "");
  const size = Math.abs(Number(source));
  const isExact = digits === "" || (digits.length <= digitsMax && size >= 1e-300 && size <= 1e300);
  return isExact ? shortest : undefined;
}
