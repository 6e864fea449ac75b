import type { Clock } from "../../core/clock.ts";

/** What ends when its time is over; between the one that began before it and the one that began after it. */
export interface Expiring {
  expiry: { readonly begunAt: number; earlier: Expiring | undefined; later: Expiring | undefined } | undefined;
  onTimeout(): void;
}

/**
 * One time-out for many attempts that may all take equally long: the one that began first is over first, so that a
 * single timer serves all that are under way. A timer for each costs more than the rest of a call, and so does a Set to
 * which everything is added and from which everything is deleted: hence a linked list.
 */
export class SharedTimeout {
  /** How long each may take, in milliseconds. */
  readonly ms: number;
  readonly #clock: Clock;
  #first: Expiring | undefined;
  #last: Expiring | undefined;
  #cancelTimer: (() => void) | undefined;

  constructor(ms: number, clock: Clock) {
    this.ms = ms;
    this.#clock = clock;
  }

  add(expiring: Expiring): void {
    expiring.expiry = { begunAt: this.#clock.monotonic(), earlier: this.#last, later: undefined };
    if (this.#last?.expiry === undefined) this.#first = expiring;
    else this.#last.expiry.later = expiring;
    this.#last = expiring;
    if (this.#cancelTimer === undefined) this.#arm(this.ms);
  }

  /** Takes it out, if it is in. */
  delete(expiring: Expiring): void {
    const { expiry } = expiring;
    if (expiry === undefined) return;
    const { earlier, later } = expiry;
    expiring.expiry = undefined;
    if (earlier?.expiry === undefined) this.#first = later;
    else earlier.expiry.later = later;
    if (later?.expiry === undefined) this.#last = earlier;
    else later.expiry.earlier = earlier;
    if (this.#first !== undefined) return;
    // A timer for nothing would keep the process alive.
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
  }

  #arm(delayMs: number): void {
    this.#cancelTimer?.();
    this.#cancelTimer = this.#clock.timer(delayMs, () => this.#check());
  }

  #check(): void {
    this.#cancelTimer = undefined;
    const now = this.#clock.monotonic();
    for (let first = this.#first; first?.expiry !== undefined; first = this.#first) {
      const leftMs = first.expiry.begunAt + this.ms - now;
      if (leftMs > 0) {
        // What was over may have begun something anew, and set a timer for that.
        this.#arm(leftMs);
        return;
      }
      this.delete(first);
      first.onTimeout();
    }
  }
}
