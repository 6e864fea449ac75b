/** The typed arrays that slots are made of. */
type Column = Float64Array | Int32Array | Uint8Array;

/**
 * Hands out small whole numbers, and takes them back: the rows of a table whose columns are typed arrays. A number that
 * was given back is the next one taken, so the table is only as long as the most rows that were in use at a time.
 */
export class Slots {
  #free = new Int32Array(1024);
  #freeCount = 0;
  #issued = 0;
  readonly #grow: (rows: number) => void;

  /** @param grow makes every column of the table that many rows long. */
  constructor(grow: (rows: number) => void) {
    this.#grow = grow;
    grow(this.#free.length);
  }

  /** How many are in use. */
  get used(): number {
    return this.#issued - this.#freeCount;
  }

  take(): number {
    if (this.#freeCount > 0) {
      this.#freeCount -= 1;
      return this.#free[this.#freeCount]!;
    }
    if (this.#issued === this.#free.length) {
      this.#free = longer(this.#free, this.#issued * 2);
      this.#grow(this.#free.length);
    }
    this.#issued += 1;
    return this.#issued - 1;
  }

  giveBack(slot: number): void {
    this.#free[this.#freeCount] = slot;
    this.#freeCount += 1;
  }
}

/** A copy with room for that many values. */
export function longer<Values extends Column>(values: Values, length: number): Values {
  const copy = new (values.constructor as new (length: number) => Values)(length);
  copy.set(values);
  return copy;
}
