import type { UnconfirmedMessage } from "once-again/outbox";
import {
  type DiscardedMessage,
  type OutboxBacklog,
  readSettlementNote,
  type UnconfirmedPlace,
  type UnconfirmedState,
  type WholeUnconfirmedMessage,
} from "once-again/internal";
import type { UnconfirmedPage } from "./unconfirmed-page.ts";

/** A message that was tried and not confirmed, in a list, as JSON; times are ISO 8601, by the database's clock. */
export interface MessageSummary {
  readonly id: string;
  /** `waiting`: it is tried again by itself. */
  readonly state: UnconfirmedState;
  readonly topic: string;
  /** Where it goes, as its publisher says it; null where only a relay of an earlier version has tried it. */
  readonly place: string | null;
  readonly orderingKey: string | null;
  readonly addedAt: string;
  readonly triedAt: string;
  /** When it is tried again at the earliest; null for a parked one. */
  readonly dueAt: string | null;
  /** Null: it waits. */
  readonly parkedAt: string | null;
  /** How often it was refused; 0 where its place can't be reached. */
  readonly refusals: number;
  /** The last answer of its place, or why there was none. */
  readonly refusal: string;
  /** Whether the later messages of its ordering key wait for it. */
  readonly blocks: boolean;
  readonly bodyBytes: number;
}

/** A message whole. */
export interface MessageDocument extends MessageSummary {
  readonly headers: Readonly<Record<string, string>>;
  readonly bodyBase64: string;
}

/** A message that a person discarded, as JSON. */
export interface DiscardedDocument {
  readonly id: string;
  readonly topic: string;
  readonly place: string | null;
  readonly orderingKey: string | null;
  readonly addedAt: string;
  readonly parkedAt: string;
  readonly discardedAt: string;
  /** Null where that was not said. */
  readonly author: string | null;
  readonly reason: string | null;
  readonly refusals: number;
  readonly refusal: string;
}

/** A place that has not confirmed messages which wait for it, as JSON. Counts go up to 10,000. */
export interface PlaceDocument {
  readonly place: string | null;
  readonly tried: number;
  /** How many wait untried for it, without an ordering key; null: this outbox does not know. */
  readonly untried: number | null;
  readonly oldestAt: string;
  readonly triedAt: string;
  readonly refusal: string;
}

/** The backlog of an outbox, the places that don't confirm, and a page of the messages that were tried. */
export interface OutboxDocument {
  readonly backlog: {
    /** Counted up to 10,000, as `parked` and `unconfirmed` are. */
    readonly messages: number;
    readonly parked: number;
    /** Tried, not confirmed, and not parked. */
    readonly unconfirmed: number;
    /** How many places these go to. */
    readonly places: number;
    /** For how long the oldest waits that is not parked, milliseconds; null when none does. */
    readonly oldestMs: number | null;
  };
  /** Those with the most messages first, 10 at most. */
  readonly places: readonly PlaceDocument[];
  readonly messages: readonly MessageSummary[];
  /** The position after which the next page begins; null on the last one. */
  readonly next: string | null;
}

/** The contents of an outbox, for people. */
export interface OutboxView {
  readonly backlog: OutboxBacklog;
  readonly places: readonly UnconfirmedPlace[];
  readonly page: UnconfirmedPage;
}

export function outboxJson({ backlog, places, page }: OutboxView): OutboxDocument {
  return {
    backlog: backlogJson(backlog),
    places: places.map(placeJson),
    messages: page.messages.map(summaryJson),
    next: page.next,
  };
}

export function backlogJson(backlog: OutboxBacklog): OutboxDocument["backlog"] {
  return { ...backlog, oldestMs: backlog.oldestMs ?? null };
}

export function messageJson(message: WholeUnconfirmedMessage): MessageDocument {
  const { headers, body } = message;
  return { ...summaryJson(message), headers, bodyBase64: Buffer.from(body).toString("base64") };
}

function summaryJson(message: UnconfirmedMessage): MessageSummary {
  const { id, topic, place, orderingKey, addedAt, triedAt, dueAt, parkedAt, refusals, refusal, blocks } = message;
  return {
    id,
    state: parkedAt === undefined ? "waiting" : "parked",
    topic,
    place: place ?? null,
    orderingKey: orderingKey ?? null,
    addedAt: isoTime(addedAt),
    triedAt: isoTime(triedAt),
    // One that may be tried at once has been due since then.
    dueAt: parkedAt === undefined ? isoTime(Math.max(dueAt, triedAt)) : null,
    parkedAt: parkedAt === undefined ? null : isoTime(parkedAt),
    refusals,
    refusal,
    blocks,
    bodyBytes: message.bodyBytes,
  };
}

export function discardedJson(message: DiscardedMessage): DiscardedDocument {
  const { id, topic, place, orderingKey, addedAt, parkedAt, discardedAt, refusals, refusal, note } = message;
  const { author = null, reason = null } = readSettlementNote(note) ?? {};
  return {
    ...{ id, topic, place: place ?? null, orderingKey: orderingKey ?? null },
    addedAt: isoTime(addedAt),
    parkedAt: isoTime(parkedAt),
    discardedAt: isoTime(discardedAt),
    ...{ author, reason, refusals, refusal },
  };
}

function placeJson({ place, untried, oldestAt, triedAt, ...said }: UnconfirmedPlace): PlaceDocument {
  return {
    place: place ?? null,
    untried: untried ?? null,
    oldestAt: isoTime(oldestAt),
    triedAt: isoTime(triedAt),
    ...said,
  };
}

const isoTime = (ms: number): string => new Date(ms).toISOString();
