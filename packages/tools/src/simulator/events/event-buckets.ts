import { extend } from "./extend.ts";

/** So many events lie side by side. */
const blockBits = 6;
const blockEvents = 1 << blockBits;

/** No event, and no block. */
export const none = -1;

/**
 * Events in buckets, each first in, first out. An event is 16 bytes of one typed array (time, subject, kind), known by its
 * place there until it moves. A bucket is a chain of blocks, and an empty one has none: whatever lies where, there is
 * hardly more memory than the events need.
 */
export class EventBuckets {
  #times = new Float64Array(2 * blockEvents);
  /** The same memory. */
  #words = new Int32Array(this.#times.buffer);
  /** For each block the one behind it, in its bucket or among the free ones. */
  #nextBlock = Int32Array.of(none);
  #freeBlock = 0;
  /** For each bucket, its first and its last event. */
  readonly #first: Int32Array;
  readonly #last: Int32Array;

  constructor(buckets: number) {
    this.#first = new Int32Array(buckets).fill(none);
    this.#last = new Int32Array(buckets).fill(none);
  }

  /** The first event of a bucket, or -1. */
  first(bucket: number): number {
    return this.#first[bucket]!;
  }

  hasOne(bucket: number): boolean {
    return this.#first[bucket] === this.#last[bucket];
  }

  atMs(event: number): number {
    return this.#times[2 * event]!;
  }

  subject(event: number): number {
    return this.#words[4 * event + 2]!;
  }

  kind(event: number): number {
    return this.#words[4 * event + 3]!;
  }

  add(bucket: number, atMs: number, kind: number, subject: number): void {
    let event = this.#last[bucket]! + 1;
    if (startsBlock(event)) event = this.#lengthen(bucket);
    this.#times[2 * event] = atMs;
    this.#words[4 * event + 2] = subject;
    this.#words[4 * event + 3] = kind;
    this.#last[bucket] = event;
  }

  removeFirst(bucket: number): void {
    const event = this.#first[bucket]!;
    const isLast = event === this.#last[bucket];
    this.#first[bucket] = isLast ? none : this.#behind(event);
    if (isLast) this.#last[bucket] = none;
    if (isLast || startsBlock(event + 1)) this.#free(event >> blockBits);
  }

  /** The earliest time in a bucket that is not empty. */
  earliestMs(bucket: number): number {
    const last = this.#last[bucket]!;
    let event = this.#first[bucket]!;
    let earliestMs = this.atMs(event);
    while (event !== last) {
      event = this.#behind(event);
      earliestMs = Math.min(earliestMs, this.atMs(event));
    }
    return earliestMs;
  }

  #behind(event: number): number {
    return startsBlock(event + 1) ? this.#nextBlock[event >> blockBits]! << blockBits : event + 1;
  }

  /** Gives a bucket a block more. @returns the first place in it. */
  #lengthen(bucket: number): number {
    if (this.#freeBlock === none) this.#grow();
    const block = this.#freeBlock;
    const event = block << blockBits;
    this.#freeBlock = this.#nextBlock[block]!;
    const last = this.#last[bucket]!;
    if (last === none) this.#first[bucket] = event;
    else this.#nextBlock[last >> blockBits] = block;
    return event;
  }

  #free(block: number): void {
    this.#nextBlock[block] = this.#freeBlock;
    this.#freeBlock = block;
  }

  #grow(): void {
    const blocks = this.#nextBlock.length;
    this.#times = extend(this.#times, 2 * this.#times.length);
    this.#words = new Int32Array(this.#times.buffer);
    this.#nextBlock = extend(this.#nextBlock, 2 * blocks);
    for (let block = blocks; block < 2 * blocks; block += 1) this.#free(block);
  }
}

const startsBlock = (event: number): boolean => (event & (blockEvents - 1)) === 0;
