/** One array out of several. */
export function joinBytes(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    bytes.set(part, offset);
    offset += part.length;
  }
  return bytes;
}

/**
 * Bytes that the caller overwrites completely. Where there are Buffers they come from their pool: allocating a small
 * separate array takes longer than filling it.
 */
export function emptyBytes(length: number): Uint8Array<ArrayBuffer> {
  const pooled = globalThis.Buffer?.allocUnsafe(length);
  return pooled === undefined ? new Uint8Array(length) : new Uint8Array(pooled.buffer, pooled.byteOffset, length);
}

/**
 * The bytes of one chunk of a stream: a text in UTF-8, as Node's streams and adapters send it, and any view of a buffer.
 *
 * @throws TypeError for anything else, which no connection could send.
 */
export function encodeChunk(chunk: unknown): Uint8Array {
  if (chunk instanceof Uint8Array) return chunk;
  if (typeof chunk === "string") return new TextEncoder().encode(chunk);
  if (ArrayBuffer.isView(chunk)) return new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.byteLength);
  throw new TypeError("A body is made of bytes or text. For JSON pass JSON.stringify(…).");
}

/** A text has this character in the place of bytes that were not UTF-8, whichever they were. */
const replacement = "\ufffd";

/** The bytes of a text, unless different ones may have come to the same text. */
export function exactBytes(text: string): Uint8Array<ArrayBuffer> | undefined {
  return text.includes(replacement) ? undefined : new TextEncoder().encode(text);
}

/** The first room, in bytes, of a body that comes in more than one chunk. */
const firstRoom = 1024;

/**
 * Collects the chunks of a body in one growing array. Each chunk is copied: an array of chunks costs about 400 bytes of
 * memory for each of them in Node, so that a body of one-byte chunks takes 400 times its length. The room at least
 * doubles when it is used up, so it is never more than twice what was added, and the cost is linear in that.
 *
 * @example
 * ```ts
 * import { ByteCollector } from "once-again/http";
 *
 * const body = new ByteCollector(1_048_576);
 * for (const chunk of [Uint8Array.of(1), Uint8Array.of(2, 3)]) body.add(chunk);
 * console.log(body.bytes); // Uint8Array(3) [ 1, 2, 3 ]
 * ```
 */
export class ByteCollector {
  readonly #bytesMax: number;
  #room: Uint8Array<ArrayBuffer> | undefined;
  #length = 0;

  /** @param bytesMax the most bytes that are stored. Beyond it everything is dropped, and only counted. */
  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  /** Copies a chunk. @returns `false` once there are more than `bytesMax` bytes. */
  add(chunk: Uint8Array): boolean {
    const start = this.#length;
    this.#length += chunk.length;
    if (this.isTooLarge) {
      this.#room = undefined;
      return false;
    }
    this.#reserve(start).set(chunk, start);
    return true;
  }

  /** How many bytes were added, those that were dropped included. */
  get length(): number {
    return this.#length;
  }

  /** Whether more than `bytesMax` bytes were added. */
  get isTooLarge(): boolean {
    return this.#length > this.#bytesMax;
  }

  /** All bytes, in their order, without another copy; `undefined` when they are more than `bytesMax`. */
  get bytes(): Uint8Array<ArrayBuffer> | undefined {
    if (this.isTooLarge) return undefined;
    return this.#room?.subarray(0, this.#length) ?? new Uint8Array();
  }

  /** Room for all bytes, of which the first `used` ones are in it. Most bodies are one chunk: that one fits exactly. */
  #reserve(used: number): Uint8Array<ArrayBuffer> {
    const room = this.#room;
    if (room !== undefined && room.length >= this.#length) return room;
    const size = room === undefined ? this.#length : Math.max(this.#length, 2 * room.length, firstRoom);
    const larger = emptyBytes(Math.min(size, this.#bytesMax));
    if (room !== undefined) larger.set(room.subarray(0, used));
    this.#room = larger;
    return larger;
  }
}

/** How many bytes become characters in one call. */
const charactersMax = 8192;

/** Bytes as Base64, also where there are no Buffers. */
export function encodeBase64(bytes: Uint8Array): string {
  if (globalThis.Buffer !== undefined)
    return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("base64");
  let characters = "";
  for (let at = 0; at < bytes.length; at += charactersMax) {
    characters += String.fromCharCode(...bytes.subarray(at, at + charactersMax));
  }
  return btoa(characters);
}

/** The bytes of a text in Base64. @throws where there are no Buffers, what `atob` throws for any other text. */
export function decodeBase64(text: string): Uint8Array<ArrayBuffer> {
  if (globalThis.Buffer !== undefined) return Uint8Array.from(Buffer.from(text, "base64"));
  return Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
}
