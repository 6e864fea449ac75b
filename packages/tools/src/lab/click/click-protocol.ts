import type { CallerName } from "../caller-name.ts";

/** A click that the shop knows. */
export interface OpenedClick {
  /** 1 for the first, then rising. */
  readonly click: number;
}

/** The payment that the page sends after a click, as the body of its request. */
export interface ClickPayment extends OpenedClick {
  /** Without a key the shop charges each payment that arrives. */
  readonly key?: string;
}

/** One of the two payments of a click. */
export interface ClickCounts {
  /** How often the request arrived. */
  readonly arrivals: number;
  /** The charges in the shop's ledger. */
  readonly charges: number;
}

/** The payment without a key, and the one with it. */
export type ClickResult = Readonly<Record<CallerName, ClickCounts>>;
