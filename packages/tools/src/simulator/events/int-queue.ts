import { extend } from "./extend.ts";

/** Whole numbers, first in, first out: a ring in a typed array that grows. */
export class IntQueue {
  #ring = new Int32Array(16);
  #first = 0;
  #length = 0;

  get length(): number {
    return this.#length;
  }

  push(value: number): void {
    const size = this.#ring.length;
    if (this.#length === size) {
      const ring = extend(this.#ring, size * 2);
      // The part that had wrapped around to the front goes on behind the old end.
      ring.copyWithin(size, 0, this.#first);
      this.#ring = ring;
    }
    this.#ring[(this.#first + this.#length) & (this.#ring.length - 1)] = value;
    this.#length += 1;
  }

  /** @returns `undefined` when the queue is empty. */
  shift(): number | undefined {
    if (this.#length === 0) return undefined;
    const value = this.#ring[this.#first];
    this.#first = (this.#first + 1) & (this.#ring.length - 1);
    this.#length -= 1;
    return value;
  }
}
