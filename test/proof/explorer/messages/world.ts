import type { InboxVerdict } from "../../../../packages/once-again/src/messaging/inbox/index.ts";
import type { PostponeRequest } from "../../../../packages/once-again/src/stores/outbox-store.ts";
import type { KeyRecord } from "../../../../packages/once-again/src/stores/store.ts";
import type { Step } from "../step.ts";

/** Everything that can differ between two moments of messages on their way. No part of it is ever changed. */
export interface MessageWorld {
  /** A transaction for each message, which adds it. */
  readonly writers: readonly Writer[];
  /** The messages that are committed, in the order of their commits. */
  readonly commits: readonly number[];
  /** How many positions are drawn. */
  readonly positions: number;
  /** The outbox's table, as relays see it. */
  readonly rows: readonly OutboxRow[];
  /** The highest position that was ever claimed. */
  readonly cursor: number;
  /** Whether something was announced since a relay looked. */
  readonly hasNews: boolean;
  readonly relays: readonly (RelayClaim | undefined)[];
  /** A call that its sender has given up, and that may still arrive. */
  readonly late: LateCall | undefined;
  /** The messages that the broker has taken at least once. */
  readonly published: readonly number[];
  /** The messages that it has taken, in the order in which they came: the place of one is the number of its delivery. */
  readonly log: readonly number[];
  /** Those that a relay has parked, or is about to, so that the others pass. */
  readonly passed: readonly number[];
  /** The copies that the broker has to deliver. */
  readonly copies: readonly Copy[];
  /** The messages of which it has a dead letter. */
  readonly letters: readonly number[];
  /** The inbox's record of each message. */
  readonly records: readonly (KeyRecord | undefined)[];
  /** The inbox's high-water mark: the number up to which all is done. */
  readonly mark: number | undefined;
  readonly consumers: readonly Consumer[];
  /** The store's note of each message that is tried alone: the consumer that tries it, or that its process died. */
  readonly notes: readonly (number | "dead" | undefined)[];
  /** How often each message had its effect. */
  readonly effects: readonly number[];
  /** How many faults may come yet. */
  readonly faultsLeft: number;
}

/** A transaction of a service. `begun`: its position is drawn, and its message not added yet. */
export interface Writer {
  readonly phase: "absent" | "begun" | "open" | "committed" | "over";
  readonly position?: number;
}

/** A row of the outbox. Of times it is known whether they are over. */
export interface OutboxRow {
  readonly position: number;
  readonly message: number;
  readonly key: string | null;
  readonly passedKey: string | null;
  readonly owner: string | null;
  readonly isDue: boolean;
  readonly refusals: number;
  readonly isParked: boolean;
}

/** The claim of a relay, and how far it came with it. */
export interface RelayClaim {
  readonly owner: string;
  readonly orderingKey: string | undefined;
  /** The rows that it has not handed to the broker yet. */
  readonly left: readonly ClaimedRow[];
  readonly confirmed: readonly string[];
  readonly postponed: readonly PostponeRequest[];
}

/** A message as a relay knows it. */
export interface ClaimedRow {
  readonly position: string;
  readonly message: number;
  readonly refusals: number;
}

export type LateCall =
  | { readonly kind: "publish"; readonly message: number }
  | { readonly kind: "postpone"; readonly requests: readonly PostponeRequest[] };

/** One copy of a message in the broker. */
export interface Copy {
  readonly message: number;
  readonly number: number;
  readonly deliveries: number;
  /** The consumer that has it; missing: none. */
  readonly by?: number;
}

/** One process of the consumer, which handles one message at a time. */
export interface Consumer {
  readonly phase: "idle" | "handling" | "working" | "committing" | "decided";
  readonly message?: number;
  readonly number?: number;
  readonly tries?: number;
  readonly deliveries?: number;
  /** The owner of its claim on the record. */
  readonly owner?: string;
  readonly verdict?: InboxVerdict;
}

export type MessageStep = Step<MessageWorld>;

export const startOfMessages = (messages: number, consumers: number, faults: number): MessageWorld => ({
  writers: Array.from({ length: messages }, () => ({ phase: "absent" })),
  commits: [],
  positions: 0,
  rows: [],
  cursor: 0,
  hasNews: false,
  relays: [undefined, undefined],
  late: undefined,
  published: [],
  log: [],
  passed: [],
  copies: [],
  letters: [],
  records: Array.from({ length: messages }, () => undefined),
  mark: undefined,
  consumers: Array.from({ length: consumers }, () => ({ phase: "idle" })),
  notes: Array.from({ length: messages }, () => undefined),
  effects: Array.from({ length: messages }, () => 0),
  faultsLeft: faults,
});

/** The same, where the broker has every message, each once: what is looked at is the way to the effect. */
export function publishedAlready(world: MessageWorld): MessageWorld {
  const all = world.writers.map((_writer, message) => message);
  return {
    ...world,
    writers: all.map(() => ({ phase: "over" })),
    commits: all,
    published: all,
    log: all,
    copies: all.map((message) => ({ message, number: message, deliveries: 0 })),
  };
}

/** A list with one item replaced. */
export function withItem<Item>(items: readonly Item[], index: number, item: Item): Item[] {
  return items.map((old, at) => (at === index ? item : old));
}

/** A set of messages, in their order, with one more. */
export function withMessage(messages: readonly number[], message: number): readonly number[] {
  return messages.includes(message) ? messages : [...messages, message].sort((one, other) => one - other);
}

/** A fault, unless there were enough. Whatever comes of one takes one from those that may come yet. */
export function fault(world: MessageWorld, say: string, next: Partial<MessageWorld>): MessageStep[] {
  if (world.faultsLeft === 0) return [];
  return [{ say, next: { ...world, ...next, faultsLeft: world.faultsLeft - 1 } }];
}

/** A new owner. */
export function newOwner({ rows, relays, late, consumers, records }: MessageWorld): string {
  const owners = new Set([
    ...rows.map(({ owner }) => owner),
    ...relays.map((claim) => claim?.owner),
    ...(late?.kind === "postpone" ? late.requests.map(({ owner }) => owner) : []),
    ...consumers.map(({ owner }) => owner),
    ...records.map((record) => record?.owner),
  ]);
  for (let number = 0; ; number += 1) if (!owners.has(`o${number}`)) return `o${number}`;
}

/** A message as stories name it. */
export const nameOf = (message: number): string => `message ${message + 1}`;
