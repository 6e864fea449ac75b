import type { Button, Loss, PayEvent } from "../../../../src/lab/checkout/pay-events.ts";
import type { Charge } from "../page-database.ts";

/** The two pages with a Pay button. */
export const pageKinds = ["careless", "safe"] as const;
export type PageKind = (typeof pageKinds)[number];

/** How a customer goes on after a press of Pay without an answer. */
export const customers = ["press-again", "reload", "close-tab", "second-tab"] as const;
export type Customer = (typeof customers)[number];

export interface CheckoutSettings {
  readonly customer: Customer;
  readonly lost: Loss;
  /** Of the customer's pauses, and of the waits between attempts: 0 to 2^53 - 1. */
  readonly seed: number;
}

/** The end of one order with one page. */
export interface CheckoutResult {
  readonly page: PageKind;
  readonly events: readonly PayEvent[];
  /** The server's ledger, the oldest row first. */
  readonly ledger: readonly Charge[];
  /** The buttons of the tabs that are open in the end, tab 1 first. */
  readonly buttons: readonly Button[];
}
