import { OnceAgainError } from "../core/errors.ts";
import { checkNumber, nearestName } from "../core/options.ts";
import { makeKey } from "../key/index.ts";
import { headerBytesMax, type NewMessage, type OutboxMessage } from "./outbox-store.ts";

const nameLengthMax = 255;

/** The largest body by default: with its headers it fits into 1 MiB, which is what NATS takes by default. */
export const bodyBytesMaxByDefault = 1_000_000;

/** The bounds of what an outbox takes. */
export interface OutboxBounds {
  /** The largest body of a message, bytes: at least 1, default 1,000,000. The broker has to take it. */
  readonly bodyBytesMax?: number | undefined;
}

/** @throws OnceAgainError `ONCE_OPTION_INVALID`. */
export function checkBodyBytesMax({ bodyBytesMax = bodyBytesMaxByDefault }: OutboxBounds): number {
  return checkNumber("bodyBytesMax", bodyBytesMax, { min: 1, integer: true });
}

const controls = /\p{Cc}/u;
const visibleAscii = /^[\x21-\x7e]+$/;
const headerName = /^[a-z0-9!#$%&'*+.^_`|~-]+$/;

/** The stored parts of a message; the store adds the time. */
export type StoredMessage = Omit<OutboxMessage, "addedAt">;

/**
 * Makes of a message what is stored and published, before anything is written.
 *
 * @throws OnceAgainError `ONCE_MESSAGE_INVALID`, `ONCE_MESSAGE_TOO_LARGE`.
 */
export function storedMessage(message: NewMessage, bodyBytesMax: number): StoredMessage {
  if (typeof message !== "object" || message === null) throw invalid("A message", "is an object with topic and body");
  checkSpelling(message);
  const { topic, orderingKey, headers = {}, id = makeKey() } = message;
  if (typeof headers !== "object" || headers === null || !isPlain(headers)) {
    throw invalid("headers", "must be a plain object of texts");
  }
  checkName("topic", topic);
  if (orderingKey !== undefined) checkName("orderingKey", orderingKey);
  if (typeof id !== "string" || id.length > nameLengthMax || !visibleAscii.test(id)) {
    throw invalid("id", `must be 1 to ${nameLengthMax} visible ASCII characters`);
  }
  const [body, contentType] = bytesOf(message.body);
  if (body.byteLength > bodyBytesMax) {
    throw tooLarge(`The body has ${body.byteLength} bytes, and bodyBytesMax allows ${bodyBytesMax}.`);
  }
  return { id, topic, orderingKey, headers: checkHeaders({ "content-type": contentType, ...headers }), body };
}

const parts: readonly string[] = ["topic", "orderingKey", "body", "headers", "id"] satisfies (keyof NewMessage)[];

/** Refuses a misspelt part, which would be ignored: without its ordering key a message waits for no other. */
function checkSpelling(message: object): void {
  for (const name of Object.keys(message)) {
    if (parts.includes(name)) continue;
    const meant = nearestName(name, parts);
    if (meant !== undefined && !(meant in message)) {
      throw invalid("A message", `has no part ${JSON.stringify(name)}: did you mean ${meant}?`);
    }
  }
}

function checkName(name: string, text: unknown): void {
  const fits = typeof text === "string" && text !== "" && text.length <= nameLengthMax;
  if (fits && text.isWellFormed() && !controls.test(text)) return;
  throw invalid(name, `must be 1 to ${nameLengthMax} characters, none of them a control`);
}

function checkHeaders(headers: Readonly<Record<string, unknown>>): Readonly<Record<string, string>> {
  const entries = Object.entries(headers);
  for (const [name, value] of entries) {
    if (!headerName.test(name))
      throw invalid(`The header ${JSON.stringify(name)}`, "must be named as HTTP does, in lower case");
    const fits = typeof value === "string" && value.isWellFormed() && !controls.test(value);
    if (!fits) throw invalid(`The header ${name}`, "must have a text without control characters");
  }
  const bytes = new TextEncoder().encode(JSON.stringify(entries)).byteLength;
  if (bytes > headerBytesMax) throw tooLarge(`The headers have ${bytes} bytes, and ${headerBytesMax} are allowed.`);
  return Object.fromEntries(entries) as Record<string, string>;
}

/** The bytes that are sent, and what they are. */
function bytesOf(body: unknown): [bytes: Uint8Array, contentType: string] {
  if (body instanceof Uint8Array) return [body, "application/octet-stream"];
  if (ArrayBuffer.isView(body))
    return [new Uint8Array(body.buffer, body.byteOffset, body.byteLength), "application/octet-stream"];
  if (body instanceof ArrayBuffer) return [new Uint8Array(body), "application/octet-stream"];
  if (typeof body === "string") return [new TextEncoder().encode(body), "text/plain; charset=utf-8"];
  return [new TextEncoder().encode(jsonOf(body)), "application/json"];
}

function jsonOf(body: unknown): string {
  let json: string | undefined;
  try {
    json = JSON.stringify(body);
  } catch (cause) {
    throw invalid("The body", "can't be written as JSON", cause);
  }
  const lost = json === undefined ? "" : json.includes("{}") ? lostIn(body) : undefined;
  if (json === undefined || lost !== undefined) {
    const what = lost === "" ? "The body" : `The body's ${lost}`;
    throw invalid(what, "must be bytes, a text, or what JSON can hold; of this, JSON has nothing");
  }
  return json;
}

/** Where in a value something is of which JSON has nothing: a Promise, a Map, a Blob, a stream; `undefined`: nowhere. */
function lostIn(value: unknown, path = ""): string | undefined {
  if (typeof value !== "object" || value === null || "toJSON" in value) return undefined;
  const entries = Object.entries(value);
  if (entries.length === 0) return Array.isArray(value) || isPlain(value) ? undefined : path;
  for (const [name, inner] of entries) {
    const lost = lostIn(inner, path === "" ? name : `${path}.${name}`);
    if (lost !== undefined) return lost;
  }
  return undefined;
}

/** Of any realm: the prototype of plain objects has none itself. */
function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}

function invalid(what: string, problem: string, cause?: unknown): OnceAgainError {
  return new OnceAgainError("ONCE_MESSAGE_INVALID", `${what} ${problem}. Nothing was added.`, { cause });
}

function tooLarge(problem: string): OnceAgainError {
  return new OnceAgainError("ONCE_MESSAGE_TOO_LARGE", `${problem} Nothing was added. Send where it is instead.`);
}
