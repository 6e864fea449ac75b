import type { FlakyNetwork } from "@once-again/testing";
import type { Audit } from "../ledger.ts";

/** The result of one side's customers. */
export interface CheckoutSideResult extends Audit {
  readonly orders: number;
  /** Orders of which the page said, before or after the kill, that they are paid. */
  readonly paid: number;
  /** Times that a customer pressed Pay: once for each order, and again where a page offered it. */
  readonly presses: number;
  /** Orders that were paid after the kill without a press: their page found its intent on disk, and went on with it. */
  readonly resumed: number;
  /** Of the payments that were sent again, those that the shop answered from its store. */
  readonly replayed: number;
  /** How many payments were sent (`total`), and of how many the network lost what. */
  readonly payments: { readonly total: number } & Pick<FlakyNetwork["counts"], "lose-request" | "lose-answer">;
  /** From the first press to the last page that said how it ended, milliseconds. */
  readonly timeMs: number;
}

/** The result of a run of the story. */
export interface CheckoutResult {
  readonly seed: number;
  /** Share of the first payments of which the network lost a part. */
  readonly faults: number;
  /** How many browsers there were on each side. Each was killed once. */
  readonly browsers: number;
  readonly careless: CheckoutSideResult;
  readonly safe: CheckoutSideResult;
}

/** Whether each order is paid once, and its customer knows it. */
export function isPaidOnce({ orders, paid, duplicates, lost, wrongAmounts }: CheckoutSideResult): boolean {
  return paid === orders && duplicates === 0 && lost === 0 && wrongAmounts === 0;
}
