import { longer } from "./slots.ts";

/** Events that come in the order of their times: a ring in typed arrays that grows. */
export class InOrder {
  #times = new Float64Array(1024);
  #orders = new Float64Array(1024);
  #kinds = new Uint8Array(1024);
  #subjects = new Int32Array(1024);
  #first = 0;
  #lastMs = Number.NEGATIVE_INFINITY;
  /** How many there are. */
  length = 0;

  // What the first one is.
  get atMs(): number {
    return this.#times[this.#first]!;
  }
  get order(): number {
    return this.#orders[this.#first]!;
  }
  get kind(): number {
    return this.#kinds[this.#first]!;
  }
  get subject(): number {
    return this.#subjects[this.#first]!;
  }

  /** `false`: it would come before another, and was not added. */
  add(atMs: number, order: number, kind: number, subject: number): boolean {
    if (atMs < this.#lastMs) return false;
    this.#lastMs = atMs;
    if (this.length === this.#times.length) this.#grow();
    const index = (this.#first + this.length) & (this.#times.length - 1);
    this.#times[index] = atMs;
    this.#orders[index] = order;
    this.#kinds[index] = kind;
    this.#subjects[index] = subject;
    this.length += 1;
    return true;
  }

  /** Takes the first one out. */
  remove(): void {
    this.#first = (this.#first + 1) & (this.#times.length - 1);
    this.length -= 1;
  }

  #grow(): void {
    const size = this.length;
    const straight = <Values extends Float64Array | Int32Array | Uint8Array>(values: Values): Values => {
      const copy = longer(values, size * 2);
      // What had wrapped around to the front goes on behind the old end.
      copy.copyWithin(size, 0, this.#first);
      return copy;
    };
    this.#times = straight(this.#times);
    this.#orders = straight(this.#orders);
    this.#kinds = straight(this.#kinds);
    this.#subjects = straight(this.#subjects);
  }
}
