import { InOrder } from "./in-order.ts";

/** Each node of the heap has four children: half as deep as a binary one, and its children lie side by side. */
const arity = 4;

/**
 * What is to happen, earliest first; events of the same time keep the order in which they were added. A heap in typed
 * arrays, so that a million callers cost 21 bytes for each event that is to come, and no garbage.
 */
export class EventQueue {
  #size = 0;
  #added = 0;
  #times = new Float64Array(1024);
  #orders = new Float64Array(1024);
  #subjects = new Int32Array(1024);
  #kinds = new Uint8Array(1024);
  readonly #inOrder = new InOrder();

  /** Of the event that `next` took: when it happens, */
  atMs = 0;
  /** what it is, */
  kind = 0;
  /** and whom it happens to. */
  subject = 0;

  get size(): number {
    return this.#size + this.#inOrder.length;
  }

  /**
   * {@link add} for events that mostly come in the order of their times, such as time-outs that are all as long: those
   * cost the same however many there are.
   */
  addInOrder(atMs: number, kind: number, subject: number): void {
    if (!this.#inOrder.add(atMs, this.#added, kind, subject)) return this.add(atMs, kind, subject);
    this.#added += 1;
  }

  /** @param kind 0 to 255. */
  add(atMs: number, kind: number, subject: number): void {
    if (this.#size === this.#times.length) this.#grow();
    const [times, orders] = [this.#times, this.#orders];
    const order = this.#added;
    this.#added += 1;
    let hole = this.#size;
    this.#size += 1;
    // A later addition never goes before an earlier one of the same time, so the order need not be compared here.
    while (hole > 0) {
      const parent = (hole - 1) >> 2;
      if (times[parent]! <= atMs) break;
      this.#move(parent, hole);
      hole = parent;
    }
    times[hole] = atMs;
    orders[hole] = order;
    this.#kinds[hole] = kind;
    this.#subjects[hole] = subject;
  }

  /** Takes the earliest event out, into `atMs`, `kind` and `subject`. `false`: there is none. */
  next(): boolean {
    const line = this.#inOrder;
    if (line.length > 0 && (this.#size === 0 || this.#isBehind(line.atMs, line.order))) {
      this.atMs = line.atMs;
      this.kind = line.kind;
      this.subject = line.subject;
      line.remove();
      return true;
    }
    if (this.#size === 0) return false;
    this.atMs = this.#times[0]!;
    this.kind = this.#kinds[0]!;
    this.subject = this.#subjects[0]!;
    this.#size -= 1;
    if (this.#size > 0) this.#sink(this.#size);
    return true;
  }

  /** Puts the last event, which has lost its place, where it belongs, from the top on. */
  #sink(last: number): void {
    const [times, orders, size] = [this.#times, this.#orders, this.#size];
    const [time, order] = [times[last]!, orders[last]!];
    let hole = 0;
    for (;;) {
      const firstChild = hole * arity + 1;
      if (firstChild >= size) break;
      const end = Math.min(firstChild + arity, size);
      let least = firstChild;
      for (let child = firstChild + 1; child < end; child += 1) if (this.#isBefore(child, least)) least = child;
      const leastTime = times[least]!;
      if (time < leastTime || (time === leastTime && order < orders[least]!)) break;
      this.#move(least, hole);
      hole = least;
    }
    this.#move(last, hole);
  }

  /** Whether the heap's first event comes after another. */
  #isBehind(atMs: number, order: number): boolean {
    const first = this.#times[0]!;
    return atMs < first || (atMs === first && order < this.#orders[0]!);
  }

  #isBefore(one: number, other: number): boolean {
    const [oneTime, otherTime] = [this.#times[one]!, this.#times[other]!];
    return oneTime < otherTime || (oneTime === otherTime && this.#orders[one]! < this.#orders[other]!);
  }

  #move(from: number, to: number): void {
    this.#times[to] = this.#times[from]!;
    this.#orders[to] = this.#orders[from]!;
    this.#kinds[to] = this.#kinds[from]!;
    this.#subjects[to] = this.#subjects[from]!;
  }

  #grow(): void {
    const size = this.#size * 2;
    const [times, orders, kinds, subjects] = [this.#times, this.#orders, this.#kinds, this.#subjects];
    (this.#times = new Float64Array(size)).set(times);
    (this.#orders = new Float64Array(size)).set(orders);
    (this.#kinds = new Uint8Array(size)).set(kinds);
    (this.#subjects = new Int32Array(size)).set(subjects);
  }
}
