import type { OutcomeWindow } from "once-again/internal";
import { type Column, SlotTable } from "./events/slot-table.ts";

/** No moment: what a timer holds that is not set. It equals no time of any event. */
export const never = Number.NaN;

/** No row of a table. */
export const none = -1;

/** The calls that are going on, as a table of numbers; every method's `call` is a row. */
export class CallTable {
  // Laid before the fields below would be initialised, which is why those are only declared.
  readonly #rows = new SlotTable(16, (column) => this.#lay(column));
  /** Which side makes it: 0 the callers, 1 the first service, and so on. */
  declare side: Column;
  /** In which of its side's processes it is made. */
  declare process: Column;
  declare attempts: Column;
  declare startedAt: Column;
  /** When the running attempt will be cut. */
  declare timesOutAt: Column;
  /** When the next attempt is made. */
  declare retryAt: Column;
  /** The last delay of the backoff. */
  declare delayMs: Column;
  /** The newest of the running attempt's requests that are still waited for. */
  declare request: Column;
  /** When a further request is sent beside those of the running attempt. */
  declare hedgeAt: Column;
  declare hedges: Column;
  /** When the running attempt sent its first request. */
  declare sentAt: Column;
  /** The kind of failure for which the last retry was taken: an index of `failureKinds`, or 0. */
  declare lastRetryKind: Column;
  /** Whether it holds a place of the concurrency limit. */
  declare hasPlace: Column;
  /** Whether the running attempt is a circuit breaker's probe. */
  declare isProbe: Column;
  /** Whom it is for: a caller's number, or the request that a service is working on. */
  declare origin: Column;
  /** Its row in the scatter plot. */
  declare herdRow: Column;
  /** Where the circuit breaker counts the outcome of a running attempt. */
  readonly counted = new Map<number, OutcomeWindow>();

  get used(): number {
    return this.#rows.used;
  }

  begin(side: number, origin: number, process: number, atMs: number): number {
    const call = this.#rows.take();
    this.side[call] = side;
    this.origin[call] = origin;
    this.process[call] = process;
    this.attempts[call] = 0;
    this.startedAt[call] = atMs;
    this.timesOutAt[call] = never;
    this.retryAt[call] = never;
    this.hedgeAt[call] = never;
    this.delayMs[call] = 0;
    this.lastRetryKind[call] = 0;
    this.request[call] = none;
    this.isProbe[call] = 0;
    this.hasPlace[call] = 0;
    this.herdRow[call] = none;
    return call;
  }

  end(call: number): void {
    // A timer that is left finds another time here, and does nothing.
    this.timesOutAt[call] = never;
    this.retryAt[call] = never;
    this.hedgeAt[call] = never;
    this.#rows.release(call);
  }

  /** The fields that every attempt reads come first. */
  #lay(column: (field: number) => Column): void {
    this.side = column(0);
    this.process = column(1);
    this.attempts = column(2);
    this.startedAt = column(3);
    this.timesOutAt = column(4);
    this.retryAt = column(5);
    this.delayMs = column(6);
    this.request = column(7);
    this.hedgeAt = column(8);
    this.hedges = column(9);
    this.sentAt = column(10);
    this.lastRetryKind = column(11);
    this.hasPlace = column(12);
    this.isProbe = column(13);
    this.origin = column(14);
    this.herdRow = column(15);
  }
}
