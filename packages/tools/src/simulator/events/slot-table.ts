import { extend } from "./extend.ts";

/** So many rows there is room for at first. */
const firstRows = 1024;

/** Where the values of a field are: a row's is at the row's own number. */
export type Column = Float64Array<ArrayBuffer>;

/**
 * The rows of a table of numbers. The fields of a row lie side by side, so that reading one brings the others into the cache: a
 * million rows are more than a processor's cache holds. A row's number is where it lies, a multiple of the number of
 * fields. One that was given back is the next one taken, so the table is only as long as the most rows that were in use at
 * a time.
 */
export class SlotTable {
  readonly #fields: number;
  readonly #lay: (column: (field: number) => Column) => void;
  #values: Column;
  #free: Int32Array<ArrayBuffer>;
  #freeCount = 0;
  #issued = 0;

  /** @param lay gets the column of each field, whenever the columns have moved. */
  constructor(fields: number, lay: (column: (field: number) => Column) => void) {
    this.#fields = fields;
    this.#lay = lay;
    this.#values = new Float64Array(fields * firstRows);
    this.#free = new Int32Array(firstRows);
    this.#layColumns();
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
    if (this.#issued === this.#free.length) this.#grow();
    this.#issued += 1;
    return (this.#issued - 1) * this.#fields;
  }

  release(row: number): void {
    this.#free[this.#freeCount] = row;
    this.#freeCount += 1;
  }

  #grow(): void {
    this.#free = extend(this.#free, 2 * this.#free.length);
    this.#values = extend(this.#values, 2 * this.#values.length);
    this.#layColumns();
  }

  #layColumns(): void {
    const { buffer, BYTES_PER_ELEMENT } = this.#values;
    this.#lay((field) => new Float64Array(buffer, field * BYTES_PER_ELEMENT));
  }
}
