import type { OutcomeWindow } from "../retry/layers/outcome-window.ts";
import { longer, Slots } from "./slots.ts";

/** No moment: what a timer holds that is not set. It equals no time of any event. */
export const never = Number.NaN;

/** No row of a table. */
export const none = -1;

/** The calls that are going on, as a table of typed arrays; every method's `call` is a row. */
export class Calls {
  readonly #slots: Slots;
  /** Which side makes it: 0 the callers, 1 the first service, and so on. */
  side = new Uint8Array();
  /** Whom it is for: a caller's number, or the request that a service is working on. */
  origin = new Int32Array();
  /** In which of its side's processes it is made. */
  process = new Int32Array();
  attempts = new Int32Array();
  startedAt = new Float64Array();
  /** When the running attempt will be cut. */
  timesOutAt = new Float64Array();
  /** When the next attempt is made. */
  retryAt = new Float64Array();
  /** When a further request is sent beside those of the running attempt. */
  hedgeAt = new Float64Array();
  /** When the running attempt sent its first request. */
  sentAt = new Float64Array();
  /** What the backoff answered last. */
  delayMs = new Float64Array();
  /** What the last retry was taken for: an index of `failureKinds`, or 0. */
  paidFor = new Uint8Array();
  /** The newest of the running attempt's requests that are still waited for. */
  request = new Int32Array();
  hedges = new Uint8Array();
  /** Whether the running attempt is a circuit breaker's probe. */
  isProbe = new Uint8Array();
  /** Whether it holds a place of the concurrency limit. */
  hasPlace = new Uint8Array();
  /** Its row in the scatter plot. */
  herdRow = new Int32Array();
  /** Where the circuit breaker counts the running attempt's outcome. */
  readonly counted: (OutcomeWindow | undefined)[] = [];

  constructor() {
    this.#slots = new Slots((rows) => this.#grow(rows));
  }

  get used(): number {
    return this.#slots.used;
  }

  begin(side: number, origin: number, process: number, atMs: number): number {
    const call = this.#slots.take();
    this.side[call] = side;
    this.origin[call] = origin;
    this.process[call] = process;
    this.attempts[call] = 0;
    this.startedAt[call] = atMs;
    this.timesOutAt[call] = never;
    this.retryAt[call] = never;
    this.hedgeAt[call] = never;
    this.delayMs[call] = 0;
    this.paidFor[call] = 0;
    this.request[call] = none;
    this.isProbe[call] = 0;
    this.hasPlace[call] = 0;
    this.herdRow[call] = none;
    return call;
  }

  end(call: number): void {
    // Whatever timer is left finds that its time is nobody's.
    this.timesOutAt[call] = never;
    this.retryAt[call] = never;
    this.hedgeAt[call] = never;
    this.#slots.giveBack(call);
  }

  #grow(rows: number): void {
    this.side = longer(this.side, rows);
    this.origin = longer(this.origin, rows);
    this.process = longer(this.process, rows);
    this.attempts = longer(this.attempts, rows);
    this.startedAt = longer(this.startedAt, rows);
    this.timesOutAt = longer(this.timesOutAt, rows);
    this.retryAt = longer(this.retryAt, rows);
    this.hedgeAt = longer(this.hedgeAt, rows);
    this.sentAt = longer(this.sentAt, rows);
    this.delayMs = longer(this.delayMs, rows);
    this.paidFor = longer(this.paidFor, rows);
    this.request = longer(this.request, rows);
    this.hedges = longer(this.hedges, rows);
    this.isProbe = longer(this.isProbe, rows);
    this.hasPlace = longer(this.hasPlace, rows);
    this.herdRow = longer(this.herdRow, rows);
  }
}
