import type { Charge } from "../page-database.ts";

/** The two pages with a Pay button. */
export const pageKinds = ["careless", "safe"] as const;
export type PageKind = (typeof pageKinds)[number];

/** How a customer goes on after a press of Pay without an answer. */
export const customers = ["press-again", "reload", "close-tab", "second-tab"] as const;
export type Customer = (typeof customers)[number];

/** The part of the first payment that the network loses. */
export const losses = ["answer", "request"] as const;
export type Loss = (typeof losses)[number];

export interface CheckoutSettings {
  readonly customer: Customer;
  readonly lost: Loss;
  /** Of the customer's pauses, and of the waits between attempts: 0 to 2^53 - 1. */
  readonly seed: number;
}

/** The button of a page that is open. `loading`: the page looks up what an earlier life of it left. */
export type Button = "loading" | "pay" | "paying" | "pay-again" | "not-paid" | "unknown" | "paid";

/** Something that happened, and when. */
export interface CheckoutEvent {
  /** Since the page was opened, milliseconds. */
  readonly atMs: number;
  /** The tab, 1 and up; absent for what happens at the server. */
  readonly tab?: number | undefined;
  readonly what:
    | "pressed"
    | "pressed-again"
    | "sent"
    | "sent-again"
    | "lost-request"
    | "charged"
    | "lost-answer"
    | "timed-out"
    | "reloaded"
    | "closed"
    | "opened"
    | "changed-tab"
    | "resumed"
    | "joined"
    | "response"
    | "replayed";
}

/** The end of one order with one page. */
export interface CheckoutResult {
  readonly page: PageKind;
  readonly events: readonly CheckoutEvent[];
  /** The server's ledger, the oldest row first. */
  readonly ledger: readonly Charge[];
  /** The buttons of the tabs that are open in the end, tab 1 first. */
  readonly buttons: readonly Button[];
}
