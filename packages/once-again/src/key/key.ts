import { parseItem } from "structured-headers";
import { ignoreRejection } from "../core/awaitable.ts";
import type { Clock } from "../core/clock.ts";
import { OnceAgainError } from "../core/errors.ts";
import { draw, type Random, systemRandom } from "../core/random.ts";
import { systemClock } from "../core/system-clock.ts";

/** The request header that names an operation (draft-ietf-httpapi-idempotency-key-header-07, section 2.1). */
export const keyHeaderName = "Idempotency-Key";

/** The longest key, in characters. */
export const keyLengthMax = 255;

/** How a key is written into the header: as it is (what most APIs take today), or quoted as the draft says. */
export type KeyFormat = "bare" | "structured";

/**
 * Makes the key of one operation: a UUIDv7 (RFC 9562, section 5.7). Its first 48 bits are the time when it was made.
 *
 * Make it once, before the first attempt, and keep it for every repeat of the same operation.
 *
 * @param options.clock dates the key; default the machine's.
 * @param options.random fills the other bits, for repeatable tests; by default they come from the machine's
 *   cryptographic source.
 */
export function makeKey(
  options: { readonly clock?: Clock | undefined; readonly random?: Random | undefined } = {},
): string {
  const { clock = systemClock, random = systemRandom } = options;
  const bytes =
    random === systemRandom ? randomBytes16() : Uint8Array.from({ length: 16 }, () => Math.floor(draw(random) * 256));
  return uuidV7(clock.now(), bytes);
}

const visibleAscii = /^[\x21-\x7e]+$/;

/** Why a text can't be a key, or `undefined` when it can: 1 to 255 visible ASCII characters. */
function keyProblem(key: string): string | undefined {
  if (key === "") return "it is empty";
  if (key.length > keyLengthMax) return `it has ${key.length} characters, and ${keyLengthMax} are allowed`;
  if (!visibleAscii.test(key)) return "it has a character that is not visible ASCII";
  return undefined;
}

/** Why a key can't be written without quotes: it would be read as a quoted one, or as a repeated header. */
function bareProblem(key: string): string | undefined {
  if (key.startsWith('"')) return "it begins with a quote";
  return key.includes(",") ? "it holds a comma" : undefined;
}

/**
 * Writes a key as a header value.
 *
 * @throws OnceAgainError `ONCE_KEY_INVALID` when the key is empty, longer than 255 characters, not visible ASCII, or,
 *   bare, begins with a quote or holds a comma.
 */
export function formatKey(key: string, format: KeyFormat): string {
  const problem = keyProblem(key) ?? (format === "bare" ? bareProblem(key) : undefined);
  if (problem !== undefined) {
    throw new OnceAgainError("ONCE_KEY_INVALID", `This key can't be sent: ${problem}. Use makeKey() or a shorter id.`);
  }
  return writeKey(key, format);
}

/** The same for a key that `makeKey` has made, which needs no check. */
export function writeKey(key: string, format: KeyFormat): string {
  // RFC 9651, section 4.1.6. What is left of its serializer would be a tenth of the client.
  return format === "bare" ? key : `"${key.replaceAll(/["\\]/g, "\\$&")}"`;
}

/** The result of reading a request's key header. */
export type ParsedKey = { kind: "key"; key: string } | { kind: "missing" } | { kind: "malformed"; problem: string };

/**
 * Reads the key out of every value of its header. `"k"` (an sf-string, RFC 9651 section 3.3.3) and bare `k` are the
 * same key; parameters of an sf-string are ignored.
 */
export function parseKey(values: readonly string[]): ParsedKey {
  const [value, ...others] = values;
  if (value === undefined) return { kind: "missing" };
  if (others.length > 0) return { kind: "malformed", problem: "the header is repeated" };
  const text = trimHeader(value);
  const quoted = text.startsWith('"');
  const key = quoted ? unquote(text) : text;
  if (key === undefined) return { kind: "malformed", problem: "its quoted string is broken" };
  const problem = keyProblem(key) ?? (quoted ? undefined : bareProblem(key));
  return problem === undefined ? { kind: "key", key } : { kind: "malformed", problem };
}

/** A quoted string of RFC 9651, and whatever stands behind a semicolon. */
const quotedKey = /^"((?:[ !#-[\]-~]|\\["\\])*)"(?:;|$)/;

/**
 * Reads the key out of a header that a caller brought. Its parameters are not read: the whole parser would be an eighth of what a
 * browser loads, and no parameter means anything for a key.
 */
export function readCallerKey(value: string): Exclude<ParsedKey, { kind: "missing" }> {
  const text = trimHeader(value);
  const isQuoted = text.startsWith('"');
  const key = isQuoted ? quotedKey.exec(text)?.[1]?.replaceAll(/\\(.)/g, "$1") : text;
  if (key === undefined) return { kind: "malformed", problem: "its quoted string is broken" };
  const problem = keyProblem(key) ?? (isQuoted ? undefined : bareProblem(key));
  return problem === undefined ? { kind: "key", key } : { kind: "malformed", problem };
}

/** An sf-string without escapes, and without parameters behind it, as nearly all are: the parser takes ten times as long. */
const plainString = /^"[ !#-[\]-~]*"$/;

function unquote(text: string): string | undefined {
  if (plainString.test(text)) return text.slice(1, -1);
  try {
    const [item] = parseItem(text);
    return typeof item === "string" ? item : undefined;
  } catch {
    return undefined;
  }
}

/** How many bytes are drawn at a time. One draw costs as much for 4 KiB as for a key's sixteen. */
const poolBytes = 4096;

const pool = new Uint8Array(poolBytes);
let usedBytes = poolBytes;

/**
 * Sixteen bytes of the machine's cryptographic source, never given out before. They stay as they are until the next call.
 */
function randomBytes16(): Uint8Array {
  if (usedBytes === poolBytes) {
    crypto.getRandomValues(pool);
    usedBytes = 0;
  }
  usedBytes += 16;
  return pool.subarray(usedBytes - 16, usedBytes);
}

const uuidV7Pattern = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/i;
const ulidPattern = /^[0-7][0-9A-HJKMNP-TV-Z]{25}$/i;
const crockford = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/** 2016-01-01, the year in which ULIDs came up. What seems to be older is a number of 26 digits that only looks like one. */
const ulidsSince = 1_451_606_400_000;

/**
 * When a time-based key was made, in milliseconds since the Unix epoch; `undefined` for any other key.
 *
 * Read from the first 48 bits of a UUIDv7 (RFC 9562, section 5.7) or of a ULID.
 */
export function keyTime(key: string): number | undefined {
  if (uuidV7Pattern.test(key)) return Number.parseInt(key.slice(0, 8) + key.slice(9, 13), 16);
  if (!ulidPattern.test(key)) return undefined;
  let time = 0;
  for (const digit of key.slice(0, 10).toUpperCase()) time = time * 32 + crockford.indexOf(digit);
  return time >= ulidsSince ? time : undefined;
}

/** Two hexadecimal digits for each byte. */
const digits = Array.from({ length: 256 }, (_, byte) => (byte + 256).toString(16).slice(1));

/**
 * A UUID of version 7 (RFC 9562, section 5.7): 48 bits of time, and 74 random ones.
 *
 * @param timeMs milliseconds since the epoch.
 * @param random sixteen bytes. They are changed.
 */
export function uuidV7(timeMs: number, random: Uint8Array): string {
  for (let at = 5, left = Math.floor(timeMs); at >= 0; at -= 1, left = Math.floor(left / 256)) random[at] = left % 256;
  random[6] = 0x70 | (random[6]! & 0x0f);
  random[8] = 0x80 | (random[8]! & 0x3f);
  return writeUuid(random);
}

/** Sixteen bytes as the text of a UUID (RFC 9562, section 4). */
export function writeUuid(bytes: Uint8Array): string {
  let text = "";
  for (let at = 0; at < 16; at += 1) text += (at > 3 && at < 11 && at % 2 === 0 ? "-" : "") + digits[bytes[at]!];
  return text;
}

/** The texts that missing values become: all operations without a name would share one. */
const nothings: ReadonlySet<string> = new Set(["", "undefined", "null", "NaN", "[object Object]"]);

/** Whether a text is what a missing value becomes. */
export function namesNothing(text: string): boolean {
  return nothings.has(text.trim());
}

/** How long a name may be, in characters: with three bytes for each it fits into the index of every store. */
const nameLengthMax = 255;

/** Why a text can't name an operation or its owner, as the end of a sentence; `undefined` when it can. */
export function nameProblem(name: unknown): string | undefined {
  if (name instanceof Promise) {
    ignoreRejection(name);
    return "a promise, which has to be awaited before";
  }
  if (typeof name !== "string") return `${String(name)}, which is no string`;
  if (namesNothing(name)) return `${JSON.stringify(name)}, which names nothing`;
  if (name.length > nameLengthMax) return `${name.length} characters long, and ${nameLengthMax} are allowed`;
  // A store writes UTF-8, in which all malformed names look alike.
  return name.isWellFormed() ? undefined : "no well-formed Unicode";
}

/** One text for each name of a record. The length of the scope says where the key begins, so no two names have the same. */
export function recordId({ scope, key }: { readonly scope: string; readonly key: string }): string {
  return `${scope.length} ${scope}${key}`;
}

/**
 * A header's value without the white space of HTTP around it: spaces and tabs (RFC 9110, section 5.6.3). `trim` would take a
 * no-break space, too, which is a character of Latin-1: two values would become one.
 */
export function trimHeader(value: string): string {
  let [start, end] = [0, value.length];
  while (start < end && isBlank(value.charCodeAt(start))) start += 1;
  while (end > start && isBlank(value.charCodeAt(end - 1))) end -= 1;
  return value.slice(start, end);
}

function isBlank(code: number): boolean {
  return code === 0x20 || code === 0x09;
}
