import type { Scenario } from "@once-again/testing";
import type { Audit } from "../ledger.ts";
import type { BrokerAddress } from "./brokers/broker.ts";

/** The result of one side's orders. */
export interface SideResult extends Omit<Audit, "charges"> {
  readonly orders: number;
  /** Orders in the service's database. */
  readonly saved: number;
  /** Rows of the ledger, whatever order they are of. */
  readonly shipments: number;
  /** How often a message was handed to the broker (`total`), and what the way there did to it. */
  readonly publishes: { readonly total: number } & Readonly<Record<Scenario, number>>;
  /** How often a message was delivered, how often its acknowledgement was lost, how often it was known already. */
  readonly deliveries: { readonly total: number; readonly acknowledgementsLost: number; readonly repeats: number };
  /** From the first order to the last acknowledgement, milliseconds. */
  readonly timeMs: number;
}

/** The result of a run of the story. */
export interface MessagesResult {
  readonly seed: number;
  /** Share of the messages, confirmations and acknowledgements that met a fault. */
  readonly faults: number;
  readonly broker: BrokerAddress["kind"];
  /** How often each side's order service was killed, and how often its shipping. */
  readonly crashes: { readonly service: number; readonly shipping: number };
  readonly careless: SideResult;
  readonly safe: SideResult;
}

/** Whether each order was saved, and shipped once. */
export function isClean({ orders, saved, duplicates, lost, wrongAmounts }: SideResult): boolean {
  return saved === orders && duplicates === 0 && lost === 0 && wrongAmounts === 0;
}
