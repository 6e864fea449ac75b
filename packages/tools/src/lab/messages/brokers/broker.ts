import type { ChildProcess } from "node:child_process";
import type { Consumer, Inbox, MessageWork } from "once-again/inbox";
import type { Publish } from "once-again/outbox";
import type { CallerName } from "../../caller-name.ts";

/** How a process of the lab finds its broker. */
export interface BrokerAddress {
  readonly kind: "embedded" | "rabbitmq" | "nats";
  /** Of a server; empty for the embedded one, which is at the other end of the process' channel. */
  readonly url: string;
  /** The prefix of its queues' names, which no other run has. */
  readonly prefix: string;
}

/** The broker of a run. Each side has a separate queue. */
export interface LabBroker extends AsyncDisposable {
  readonly address: BrokerAddress;
  /** Serves a process of a side. */
  attach(side: CallerName, child: ChildProcess): void;
  /** How many messages of a side are not acknowledged, while there is no consumer. */
  waiting(side: CallerName): Promise<number>;
  /** Takes away what is there of this run. */
  [Symbol.asyncDispose](): Promise<void>;
}

/** A process's link to its broker. */
export interface BrokerLink {
  readonly publish: Publish;
  consume<Transaction>(
    inbox: Inbox<Transaction>,
    concurrency: number,
    work: MessageWork<Transaction>,
  ): Promise<Consumer>;
  close(): Promise<void>;
}

/** The queue of a side. */
export const queueName = ({ prefix }: BrokerAddress, side: CallerName): string => `${prefix}-${side}`;
