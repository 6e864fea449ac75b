import type { Herd } from "./storm-result.ts";
import { none } from "../call-table.ts";
import type { StormSettings } from "../storm-settings.ts";

const callersMax = 1000;
const dotsMax = 20_000;

/** Notes when some of the callers made their attempts. */
export class HerdRecord {
  readonly #fromMs: number;
  /** Every so many'th caller is noted. */
  readonly #stride: number;
  readonly #isAmongMany: boolean;
  #rows = 0;
  readonly #caller: number[] = [];
  readonly #attempt: number[] = [];
  readonly #atMs: number[] = [];

  constructor({ arrivals, outages, durationMs }: StormSettings) {
    const [first] = outages.toSorted((one, other) => one.fromMs - other.fromMs);
    const [fromMs, toMs] = first === undefined ? [0, durationMs] : [first.fromMs - 1000, first.toMs + 1000];
    this.#isAmongMany = arrivals.kind === "poisson";
    this.#fromMs = arrivals.kind === "at-once" ? 0 : Math.max(0, fromMs);
    const callers =
      arrivals.kind === "poisson" ? (arrivals.perSecond * (toMs - this.#fromMs)) / 1000 : arrivals.callers;
    this.#stride = Math.max(1, Math.ceil(callers / callersMax));
  }

  /** @returns the row of a call that begins, or `none`. */
  takeRow(caller: number, atMs: number): number {
    if (atMs < this.#fromMs || caller % this.#stride !== 0) return none;
    // A caller who comes once has the next row; one of a fixed number has always the same.
    const row = this.#isAmongMany ? this.#rows : caller / this.#stride;
    if (row >= callersMax) return none;
    this.#rows = Math.max(this.#rows, row + 1);
    return row;
  }

  noteAttempt(row: number, attempt: number, atMs: number): void {
    if (row === none || this.#atMs.length >= dotsMax) return;
    this.#caller.push(row);
    this.#attempt.push(attempt);
    this.#atMs.push(atMs);
  }

  get herd(): Herd {
    return { callers: this.#rows, caller: this.#caller, attempt: this.#attempt, atMs: this.#atMs };
  }
}
