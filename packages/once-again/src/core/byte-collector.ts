import { emptyBytes } from "./bytes.ts";

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
