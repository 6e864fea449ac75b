import type { Scenario } from "@once-again/testing";
import type { CallerName } from "../caller-name.ts";
import type { LabFaults } from "../fault-plan.ts";
import type { Order } from "../orders.ts";
import type { BrokerAddress } from "./brokers/broker.ts";

/** The work of a process of one side: its order service, or its shipping. */
export interface SideTask extends LabFaults {
  readonly name: CallerName;
  readonly broker: BrokerAddress;
  /** The file of its database. */
  readonly path: string;
  readonly orders: readonly Order[];
  /** How many orders or messages it has under way at a time. */
  readonly concurrency: number;
  /** How much slower than in the report everything is on its way, to be watched. */
  readonly slowness: number;
}

/** A word to an order service: place your orders, hold back those that are not placed, place the next one. */
export type ServiceWord = "go" | "wait" | "step";

/** A report of such a process. */
export type SideReport =
  /** The order is in the service's database. */
  | { readonly event: "saved"; readonly order: string }
  /** Its message was handed to the broker, and what the way there did to it. */
  | { readonly event: "published"; readonly order: string; readonly scenario: Scenario }
  /** The service will not announce it any more: it has a confirmation, or has given up. */
  | { readonly event: "left"; readonly order: string }
  /** Its message was delivered, and shipped; or `isRepeat`, shipped before. */
  | { readonly event: "shipped"; readonly order: string; readonly isRepeat: boolean }
  | { readonly event: "acknowledged"; readonly order: string; readonly isLost: boolean }
  /** The service has saved and announced all orders. */
  | { readonly event: "done" };
