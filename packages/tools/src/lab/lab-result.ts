import type { FlakyNetwork } from "@once-again/testing";
import type { Audit } from "./ledger.ts";
import type { Waits } from "./waits.ts";

/** The result of one caller's orders. */
export interface CallerResult extends Audit {
  readonly orders: number;
  /** Orders that the caller knows to be made: it got the answer. */
  readonly confirmed: number;
  /** Of those, the ones that an earlier attempt had placed. */
  readonly replayed: number;
  /** How many attempts there were (`total`), and how many met each scenario; see `FlakyNetwork.counts`. */
  readonly attempts: { readonly total: number } & FlakyNetwork["counts"];
  readonly waits: Waits;
  /** From the first order sent to the last one settled, milliseconds. */
  readonly timeMs: number;
}

/** The result of a run of the lab. */
export interface LabResult {
  readonly seed: number;
  /** Share of the attempts that met a fault. */
  readonly faults: number;
  /** How often the API was killed, and how often each of the callers. */
  readonly crashes: { readonly api: number; readonly caller: number };
  readonly careless: CallerResult;
  readonly safe: CallerResult;
}

/** Whether each order was confirmed, and charged once with its own amount. */
export function isCorrect(result: CallerResult): boolean {
  const { orders, confirmed, duplicates, lost, wrongAmounts } = result;
  return confirmed === orders && duplicates === 0 && lost === 0 && wrongAmounts === 0;
}
