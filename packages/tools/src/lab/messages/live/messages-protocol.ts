import type { CallerName } from "../../caller-name.ts";
import type { ChargeView, LivePhase, ProcessView, Speed } from "../../live/live-protocol.ts";

/** The messages of the live story to its watchers. It imports nothing of Node, since the console's page reads it too. */

/** More faults than that no relay gets through in the time of a person. */
export const messageFaultsMax = 0.9;

/** The processes of a side. */
export const roleNames = ["service", "shipping"] as const;

/** Which process of a side. */
export type RoleName = (typeof roleNames)[number];

/** The settings of a run of the story, which do not change while it runs. */
export interface MessagesSettings {
  /** How many orders each service saves, 1 to 10,000. */
  readonly orders: number;
  /** The same seed brings the same faults to the same messages, 0 to 2^53 - 1. */
  readonly seed: number;
  /** How many orders and messages each process has under way at a time, 1 to 64. */
  readonly concurrency: number;
  /** Share of the messages, confirmations and acknowledgements that meet a fault, 0 to `messageFaultsMax`. */
  readonly faults: number;
  readonly speed: Speed;
}

/** The bounds of the numbers among them. */
export const messagesBounds = {
  orders: { min: 1, max: 10_000 },
  seed: { min: 0, max: Number.MAX_SAFE_INTEGER },
  concurrency: { min: 1, max: 64 },
  faults: { min: 0, max: messageFaultsMax },
} as const;

/** One side's running totals. */
export interface MessagesTotals {
  /** Orders in the service's database. */
  readonly saved: number;
  /** How often a message was handed to the broker. */
  readonly published: number;
  /** Messages that were handled and acknowledged, or would have been. */
  readonly delivered: number;
  /** Of those, the ones that the inbox knew already. */
  readonly repeats: number;
  /** Rows in the ledger. */
  readonly shipments: number;
  /** Shipments beyond the first of their order. */
  readonly duplicates: number;
  /**
   * Orders that are saved, not shipped, and will not be announced any more; when the run is over, all that are not shipped.
   */
  readonly lost: number;
  /** How many messages, confirmations and acknowledgements met a fault. */
  readonly faults: number;
}

/**
 * A fault, or its repair: a message got lost (`message-lost`) or was refused, its confirmation or its
 * acknowledgement got lost; the order will not be announced any more (`given-up`); its message came again and was known; it
 * was shipped again; a process was killed.
 */
export type Incident =
  | "message-lost"
  | "refused"
  | "confirmation-lost"
  | "acknowledgement-lost"
  | "given-up"
  | "known-already"
  | "shipped-again"
  | "service-killed"
  | "shipping-killed";

/** One of them. */
export interface IncidentView {
  /** 1 for the first of its side, then rising. */
  readonly id: number;
  readonly what: Incident;
  /** The order's number, 1 and up; absent where it is no order's. */
  readonly order?: number;
}

/** One side, as it is now. */
export interface MessagesSideView {
  readonly totals: MessagesTotals;
  /** Messages that wait in the outbox; the careless service has none. */
  readonly outbox: number;
  /** Messages that the broker has, and that are not acknowledged. */
  readonly queued: number;
  /** The last rows of the ledger, the latest first. */
  readonly ledger: readonly ChargeView[];
  /** The last ones, the latest first. */
  readonly incidents: readonly IncidentView[];
  /** Absent before a run, and after it. */
  readonly processes?: Readonly<Record<RoleName, ProcessView>>;
}

/** Everything there is to see. */
export interface MessagesState {
  readonly phase: LivePhase;
  /** Why it failed. */
  readonly problem?: string;
  readonly broker: "embedded" | "rabbitmq" | "nats";
  readonly settings: MessagesSettings;
  /** Runs so far, this one included. */
  readonly run: number;
  /** How many orders this run has. */
  readonly orders: number;
  readonly sides: Readonly<Record<CallerName, MessagesSideView>>;
}
