import { Deadline, type DeadlineTimer } from "./deadline-timer.ts";
import { OnceAgainError } from "./errors.ts";
import type { LazyAbort } from "./lazy-abort.ts";

/** What a lease is held by, and for how long. */
export interface LeaseTerms {
  /** Where leases of one length stand. */
  readonly timer: DeadlineTimer;
  readonly leaseMs: number;
  /** When the claim was sent, on the monotonic clock. */
  readonly heldSince: number;
  /** Aborts when the key is, or may be, no longer ours. */
  readonly abort: LazyAbort;
  /** Asks the store; `false` means that the key is another's. A rejection is tried again. */
  readonly renew: () => Promise<boolean>;
  /** Is called once, when the lease is lost. */
  readonly onLost: () => void;
}

/**
 * Our hold on one key while its work runs: it is asked for again after each third of its time.
 *
 * It ends by our own monotonic clock, counted from before the claim was sent. So we do not believe in a lease that the
 * store has given to another, also when no renewal is answered or the event loop stood still.
 */
export class Lease extends Deadline {
  readonly #terms: LeaseTerms;
  #isHeld = true;
  /** When it is to be asked for again; never, while it is. */
  #renewAt: number;
  #endsAt: number;

  constructor(terms: LeaseTerms) {
    super();
    this.#terms = terms;
    this.#renewAt = terms.heldSince + terms.leaseMs / 3;
    this.#endsAt = terms.heldSince + terms.leaseMs;
    terms.timer.set(this, this.#renewAt);
  }

  /** Ends the renewals. */
  stop(): void {
    this.#isHeld = false;
    this.#terms.timer.clear(this);
  }

  onDue(): void {
    const now = this.#terms.timer.clock.monotonic();
    if (now >= this.#endsAt) return this.#lose();
    if (now >= this.#renewAt) void this.#renew(now);
    this.#wait();
  }

  async #renew(sentAt: number): Promise<void> {
    this.#renewAt = Number.POSITIVE_INFINITY;
    const { leaseMs, renew, timer } = this.#terms;
    const answer = await renew().catch(() => "no answer" as const);
    if (!this.#isHeld) return;
    if (answer === false) return this.#lose();
    if (answer === true) this.#endsAt = sentAt + leaseMs;
    this.#renewAt = timer.clock.monotonic() + leaseMs / 3;
    this.#wait();
  }

  #wait(): void {
    this.#terms.timer.set(this, Math.min(this.#renewAt, this.#endsAt));
  }

  #lose(): void {
    this.stop();
    this.#terms.onLost();
    this.#terms.abort.abort(
      new OnceAgainError("ONCE_LEASE_LOST", "This worker lost its key: stop, another may be at it."),
    );
  }
}
