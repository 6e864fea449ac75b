import { Deadline, type DeadlineTimer } from "./deadline-timer.ts";
import { OnceAgainError } from "./errors.ts";

/** The owner of a lease. */
export interface LeaseHolder {
  /** Asks the store; `false` means that the key is another's. A rejection is tried again. */
  renewLease(): Promise<boolean>;
  /** Called once, when the key is no longer ours, or may no longer be. */
  leaseLost(error: OnceAgainError): void;
}

/**
 * Our hold on one key while its work runs: it is asked for again after each third of its time.
 *
 * It ends by our own monotonic clock, counted from before the claim was sent. So we do not believe in a lease that the
 * store has given to another, also when no renewal is answered or the event loop stood still.
 */
export class Lease extends Deadline {
  readonly #timer: DeadlineTimer;
  readonly #leaseMs: number;
  readonly #holder: LeaseHolder;
  #isHeld = true;
  /** When it is to be asked for again; never, while it is. */
  #renewAt: number;
  #endsAt: number;

  /**
   * @param timer where leases of one length stand.
   * @param heldSince when the claim was sent, on the monotonic clock.
   */
  constructor(timer: DeadlineTimer, leaseMs: number, heldSince: number, holder: LeaseHolder) {
    super();
    this.#timer = timer;
    this.#leaseMs = leaseMs;
    this.#holder = holder;
    this.#renewAt = heldSince + leaseMs / 3;
    this.#endsAt = heldSince + leaseMs;
    timer.set(this, this.#renewAt);
  }

  /** Ends the renewals. */
  stop(): void {
    this.#isHeld = false;
    this.#timer.clear(this);
  }

  /** How long it still is ours, milliseconds; 0 when it is over. */
  get leftMs(): number {
    return Math.max(0, this.#endsAt - this.#timer.clock.monotonic());
  }

  /** Loses it at once if its time is over: where the process stood still, much may be done before the timer of it fires. */
  check(): void {
    if (this.#isHeld && this.leftMs <= 0) this.#lose();
  }

  onDue(): void {
    const now = this.#timer.clock.monotonic();
    if (now >= this.#endsAt) return this.#lose();
    if (now >= this.#renewAt) void this.#renew(now);
    this.#wait();
  }

  async #renew(sentAt: number): Promise<void> {
    this.#renewAt = Number.POSITIVE_INFINITY;
    const answer = await this.#holder.renewLease().catch(() => "no answer" as const);
    if (!this.#isHeld) return;
    if (answer === false) return this.#lose();
    if (answer === true) this.#endsAt = sentAt + this.#leaseMs;
    this.#renewAt = this.#timer.clock.monotonic() + this.#leaseMs / 3;
    this.#wait();
  }

  #wait(): void {
    this.#timer.set(this, Math.min(this.#renewAt, this.#endsAt));
  }

  #lose(): void {
    this.stop();
    this.#holder.leaseLost(leaseLostError());
  }
}

/** The error of a worker that no longer owns its key. */
export function leaseLostError(): OnceAgainError {
  return new OnceAgainError("ONCE_LEASE_LOST", "This worker lost its key: stop, another may be at it.");
}
