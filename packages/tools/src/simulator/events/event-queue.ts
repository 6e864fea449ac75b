import { EventBuckets, none } from "./event-buckets.ts";

/** The two words of a time are digits of five bits: a level for each digit, and a bucket for each of its values. */
const digitBits = 5;
const values = 1 << digitBits;
const levelsPerWord = Math.ceil(32 / digitBits);
const levels = 2 * levelsPerWord;

/** The bucket of what happens at the current time. */
const present = levels * values;

/** Which of the two words of a number in memory has its first digits: that depends on the machine. */
const high = new Int32Array(Float64Array.of(1).buffer)[0] === 0 ? 1 : 0;
const low = 1 - high;

/**
 * The events to come, earliest first; events of the same time come in the order in which they were added. An event costs the
 * same however many there are.
 *
 * A radix heap over the bits of the times, which as whole numbers have the same order as the times themselves. An event
 * lies in the bucket of the first digit in which its time differs from the current time. When the turn of a bucket comes,
 * its earliest time becomes the current one, and its events go on to buckets of later digits. So an event moves at most
 * as often as there are digits, and always to the end of a bucket: those of the same time are in one bucket at any time,
 * and never overtake each other.
 *
 * Source: Ahuja, Mehlhorn, Orlin, Tarjan, "Faster Algorithms for the Shortest Path Problem", Journal of the ACM, 1990.
 */
export class EventQueue {
  readonly #buckets = new EventBuckets(present + 1);
  /** A bit for each value that has events in its bucket, for each level. */
  readonly #valuesInUse = new Int32Array(levels);
  /** The levels that have any: a bit for each. */
  #levelsInUse = 0;
  /** A time, and the same memory as two words. */
  readonly #time = new Float64Array(1);
  readonly #words = new Int32Array(this.#time.buffer);
  /** The words of the current time. */
  #highNow = 0;
  #lowNow = 0;
  #size = 0;

  /** Of the event that `next` took: when it happens, */
  atMs = 0;
  /** what it is, */
  kind = 0;
  /** and whom it happens to. */
  subject = 0;

  get size(): number {
    return this.#size;
  }

  /**
   * @param atMs at least 0, and not before the event that `next` took last.
   * @param kind a whole number of up to 32 bits, like `subject`.
   */
  add(atMs: number, kind: number, subject: number): void {
    if (!(atMs >= this.atMs)) throw new RangeError(`At ${this.atMs} ms nothing can be added for ${atMs} ms.`);
    // The bits of -0 would be those of a late time.
    this.#place(atMs + 0, kind, subject);
    this.#size += 1;
  }

  /** Takes the earliest event out, into `atMs`, `kind` and `subject`. `false`: no event is left. */
  next(): boolean {
    if (this.#size === 0) return false;
    const buckets = this.#buckets;
    const bucket = buckets.first(present) === none ? this.#advance() : present;
    const event = buckets.first(bucket);
    this.atMs = buckets.atMs(event);
    this.kind = buckets.kind(event);
    this.subject = buckets.subject(event);
    buckets.removeFirst(bucket);
    this.#size -= 1;
    return true;
  }

  #place(atMs: number, kind: number, subject: number): void {
    this.#time[0] = atMs;
    this.#buckets.add(this.#bucketOf(this.#words[high]!, this.#words[low]!), atMs, kind, subject);
  }

  #bucketOf(highWord: number, lowWord: number): number {
    if (highWord !== this.#highNow) return this.#bucketAt(levelsPerWord, highWord, highWord ^ this.#highNow);
    if (lowWord !== this.#lowNow) return this.#bucketAt(0, lowWord, lowWord ^ this.#lowNow);
    return present;
  }

  /** @param difference to the current time's word; not 0. */
  #bucketAt(levelMin: number, word: number, difference: number): number {
    const digit = ((31 - Math.clz32(difference)) / digitBits) | 0;
    const level = levelMin + digit;
    const value = (word >>> (digit * digitBits)) & (values - 1);
    this.#valuesInUse[level]! |= 1 << value;
    this.#levelsInUse |= 1 << level;
    return level * values + value;
  }

  /** Makes the earliest time the current one. @returns the bucket of the event that happens then. */
  #advance(): number {
    const level = lowestBit(this.#levelsInUse);
    const value = lowestBit(this.#valuesInUse[level]!);
    this.#valuesInUse[level]! &= ~(1 << value);
    if (this.#valuesInUse[level] === 0) this.#levelsInUse &= ~(1 << level);
    const buckets = this.#buckets;
    const bucket = level * values + value;
    this.#time[0] = buckets.earliestMs(bucket);
    [this.#highNow, this.#lowNow] = [this.#words[high]!, this.#words[low]!];
    if (buckets.hasOne(bucket)) return bucket;
    for (let event = buckets.first(bucket); event !== none; event = buckets.first(bucket)) {
      this.#place(buckets.atMs(event), buckets.kind(event), buckets.subject(event));
      buckets.removeFirst(bucket);
    }
    return present;
  }
}

const lowestBit = (bits: number): number => 31 - Math.clz32(bits & -bits);
