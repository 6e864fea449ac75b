import type { Consumer, Inbox, MessageWork } from "../../../../packages/once-again/src/messaging/inbox/index.ts";
import type { Publish } from "../../../../packages/once-again/src/messaging/outbox/index.ts";
import type { ServerBinary } from "../../../support/servers/binary.ts";
import type { PrivateServer } from "../../../support/servers/private-server.ts";
import type { Place } from "./places.ts";
import type { ConsumerName } from "./shop.ts";

export const brokerNames = ["rabbitmq", "nats", "redis", "sqs", "kafka"] as const;
export type BrokerName = (typeof brokerNames)[number];

/** A connection of a relay or of a consumer, which outlives the broker's restarts. */
export interface BrokerLink {
  readonly publish: Publish;
  /** Consumes one consumer's messages; one at a time where they have an order. Rejects while the broker is away. */
  consume<Transaction>(
    name: ConsumerName,
    inbox: Inbox<Transaction>,
    work: MessageWork<Transaction>,
  ): Promise<Consumer>;
  close(): Promise<void>;
}

/** The controls of the broker, for the run. */
export interface BrokerAdmin {
  /** How many messages are not acknowledged, as far as the broker says. */
  waiting(): Promise<number>;
  letters(): Promise<number>;
  /** The ids of all that was ever published, in the broker's order, repeats included. */
  published(): Promise<readonly string[]>;
  /** Where messages of `places.full` go, which is full while it is shut; missing where no queue has a bound. */
  readonly full?: Place;
  /** Removes a group of consumers, but not its stream. `false`: the group did not exist. Missing where there are no groups. */
  loseGroup?(): Promise<boolean>;
  close(): Promise<void>;
}

/** The broker of the messages. */
export interface MessagesBroker {
  readonly name: BrokerName;
  readonly binary: ServerBinary;
  start(): Promise<PrivateServer>;
  /** A text in a published message, so that its confirmation can be cut off. */
  readonly publishing: string;
  /** The same of an acknowledgement, so that it can be lost. */
  readonly acknowledging: string;
  /** Whether it delivers what a dead consumer had before what came later, so that one at a time have their effects in order. */
  readonly deliversInOrder: boolean;
  /** Whether a message that is not acknowledged in time goes to another consumer, while the first has its connection. */
  readonly hasLeases: boolean;
  /** Whether its messages are there when it starts again after a kill. An emulator in memory only stands still. */
  readonly survivesKills: boolean;
  /** Whether it has to see a reset of each connection that ends; default `false`. */
  readonly isCutByResets?: boolean;
  /** @param leaseMs how long such a message is the first one's, milliseconds. */
  link(url: string, leaseMs: number): Promise<BrokerLink>;
  /** Makes queues and streams, empty. */
  prepare(url: string, leaseMs: number): Promise<BrokerAdmin>;
}
