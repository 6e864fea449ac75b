import { type Random, uniform } from "../../../../packages/once-again/src/core/random.ts";
import { type Plan, planOf } from "../plan.ts";

/** How bad the world of one seed is for messages. */
export interface MessagePlan extends Plan {
  readonly services: number;
  readonly relays: number;
  /** How many processes each consumer has. */
  readonly consumers: number;
  readonly transactions: number;
  readonly keys: number;
  /** The share of transactions that are rolled back. */
  readonly rollbacks: number;
  /** How long a transaction may stay open after it has added, milliseconds. */
  readonly openMsMax: number;
  readonly relayLeaseMs: number;
  readonly concurrency: number;
  readonly messagesPerKey: number;
  readonly refusalsMax: number;
  readonly parked: "block" | "pass";
  /** The share of messages that the broker refuses until a person has mended it, and of publishes that it refuses by chance. */
  readonly poison: number;
  readonly refusals: number;
  /** How long the broker may take to have a message, and to confirm it, milliseconds. */
  readonly brokerMsMax: number;
  readonly prefetch: number;
  readonly deliveriesMax: number;
  /** How long the broker waits for an acknowledgement before it delivers a message again. */
  readonly ackWaitMs: number;
  /**
   * How a transactional inbox finds repeats: by ids; by numbers, where the broker finds messages that are published twice;
   * or by
   * both, where it numbers those twice.
   */
  readonly repeats: "by id" | "by number" | "by both";
  readonly partitions: number;
}

/** The modes that an inbox has, as those of requests. */
export function messagePlanOf(random: Random): MessagePlan {
  const whole = (low: number, high: number): number => Math.floor(uniform(random, low, high + 1));
  return {
    ...planOf(random),
    services: whole(1, 3),
    relays: whole(1, 3),
    consumers: whole(1, 3),
    transactions: whole(12, 30),
    keys: whole(1, 4),
    rollbacks: uniform(random, 0, 0.3),
    openMsMax: uniform(random, 10, 1500),
    relayLeaseMs: whole(200, 2000),
    concurrency: whole(1, 8),
    messagesPerKey: whole(1, 8),
    refusalsMax: whole(2, 5),
    parked: random() < 0.5 ? "block" : "pass",
    poison: random() < 0.5 ? 0 : 0.1,
    refusals: uniform(random, 0, 0.05),
    brokerMsMax: random() < 0.3 ? 1 : uniform(random, 1, 300),
    prefetch: whole(1, 6),
    deliveriesMax: whole(3, 12),
    ackWaitMs: whole(500, 5000),
    repeats: (["by id", "by number", "by both"] as const)[whole(0, 2)]!,
    partitions: whole(1, 3),
  };
}
