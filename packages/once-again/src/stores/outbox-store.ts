/** How much the headers of a message may have, bytes of their JSON. */
export const headerBytesMax = 8192;

/** A message for a broker, as it is given to an outbox. */
export interface NewMessage {
  /** Where it goes: a routing key, a subject, a stream, an event's name. 1 to 255 characters, none of them a control. */
  readonly topic: string;
  /**
   * Messages of one ordering key are published in the order in which their transactions commit: an order's id, an
   * account's. 1 to 255 characters. Without it, a message waits for no other.
   *
   * Until the transaction ends, others that add to this key wait. Two that add to two keys in opposite order wait for each
   * other: the database then ends one of them with a conflict.
   */
  readonly orderingKey?: string | undefined;
  /**
   * Bytes are sent as they are, a text as UTF-8, anything else as JSON. What has a Promise or a Map anywhere in it is refused, since
   * JSON has nothing of them.
   */
  readonly body: unknown;
  /**
   * Sent beside it: names as in HTTP, in lower case, and values without control characters, 8,192 bytes at most. A
   * `content-type` that says what the body is comes by itself.
   */
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** The id by which consumers recognise a repeat: 1 to 255 visible ASCII characters. Default a UUIDv7. */
  readonly id?: string | undefined;
}

/** A message as it is published, the same each time. */
export interface OutboxMessage {
  readonly id: string;
  readonly topic: string;
  readonly orderingKey: string | undefined;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
  /** When it was added, milliseconds since the epoch by the store's clock. */
  readonly addedAt: number;
}

/** A message that a relay has claimed. */
export interface ClaimedMessage extends OutboxMessage {
  /** Its place in the outbox: a whole number, as text. */
  readonly position: string;
  /** How often it was refused already. */
  readonly refusals: number;
}

/** Messages that one relay may publish now: those of one ordering key, in their order, or some without a key, of one line or none. */
export interface ClaimedBatch {
  readonly orderingKey: string | undefined;
  /** Whether these are from a line of a place: of those that it did not confirm, or of those that wait for it untried. */
  readonly line?: "failed" | "untried" | undefined;
  readonly messages: readonly ClaimedMessage[];
}

/** The result of a claim. */
export interface ClaimedMessages {
  readonly batches: readonly ClaimedBatch[];
  /** Whether there may be more to be had at once. */
  readonly hasMore: boolean;
}

/** Asks for messages that no other relay is publishing. */
export interface ClaimMessagesRequest {
  /** 128 random bits that no other claim has. */
  readonly owner: string;
  readonly leaseMs: number;
  /** How many messages without a key, and how many keys: a whole number of at least 1. */
  readonly limit: number;
  /** How many messages of each key: a whole number of at least 1. */
  readonly messagesPerKey: number;
}

/** How a claim on a message ends that was not published. */
export interface PostponeRequest {
  readonly position: string;
  /** The owner of the claim. */
  readonly owner: string;
  /** When it may be claimed again, milliseconds from now. */
  readonly delayMs: number;
  /** Where it goes, 1 to 255 characters: it is stored for people. Default: what was stored before. */
  readonly place?: string | undefined;
  /**
   * With `place`: the message waits for it, and whether it was tried there. Messages without an ordering key that wait for one place
   * are a line: claims find it as they find an ordering key, by its oldest message, and take those behind it that are free: each has
   * its own lease and delay. Those that its place did not confirm have a line apart, so that one that is never confirmed is not tried
   * before all others of that place. Messages that have a key stay in its line, and an outbox may have no lines: then each waits by
   * itself.
   */
  readonly line?: "failed" | "untried" | undefined;
  /** The answer of its place, or why there was no answer: stored for people. Missing where the message was not tried. */
  readonly refusal?: string | undefined;
  /**
   * With `refusal`: how often it was refused by now; default once more than before. A repeated call gives the same number, so that it
   * counts once.
   */
  readonly refusals?: number | undefined;
  /**
   * `block`: it is published no more until a person decides, and neither are those after it of its ordering key. `pass`:
   * those after it go on. Default: it is tried again.
   */
  readonly park?: "block" | "pass" | undefined;
}

/**
 * A message that was tried and that its place has not confirmed, without its body. It waits for its next attempt, or is parked:
 * then a person has to decide about it.
 */
export interface UnconfirmedMessage extends Omit<OutboxMessage, "body"> {
  /** Its place in the outbox: what `after` takes. */
  readonly position: string;
  readonly bodyBytes: number;
  /** How often it was refused: 0 where its place can't be reached, or after a person had it tried again. */
  readonly refusals: number;
  /** The last answer of its place, or why there was none. */
  readonly refusal: string;
  /** When that was. */
  readonly triedAt: number;
  /** Where it goes, as its publisher says it; `undefined` for one that only a relay of an earlier version has tried. */
  readonly place: string | undefined;
  /** When it is tried again at the earliest, or the end of the lease of a relay that has it; 0: at once. */
  readonly dueAt: number;
  /** When it was parked; `undefined`: it waits. */
  readonly parkedAt: number | undefined;
  /** Whether those after it of its ordering key wait for it. One without a key, or that others passed, holds up none. */
  readonly blocks: boolean;
}

/** An unconfirmed message whole. */
export interface WholeUnconfirmedMessage extends UnconfirmedMessage {
  readonly body: Uint8Array;
}

/** An unconfirmed message is parked, for a person to decide about, or waits for its next attempt. */
export type UnconfirmedState = "parked" | "waiting";

/** How a person discards a message. */
export interface Discarding {
  /** Who does it, and why, as `settlementNote` makes it. Default empty. */
  readonly note?: Uint8Array | undefined;
  /** For how long it is stored that the message was discarded, milliseconds: 1 or more, default 30 days. */
  readonly retentionMs?: number | undefined;
}

/** A message that a person has discarded. */
export interface DiscardedMessage extends Omit<OutboxMessage, "body" | "headers"> {
  /** Its place in the outbox. */
  readonly position: string;
  readonly place: string | undefined;
  readonly refusals: number;
  /** The last answer of its place. */
  readonly refusal: string;
  readonly parkedAt: number;
  readonly discardedAt: number;
  /** Who discarded it, and why: see `readSettlementNote`. Empty where that was not said. */
  readonly note: Uint8Array;
}

/** Which discarded messages are asked for. */
export interface ListDiscardedRequest {
  /** Only those of this id; default all. */
  readonly id?: string | undefined;
  /** How many at most: 1 to 1000, default 100. */
  readonly limit?: number | undefined;
}

/** Which unconfirmed messages are asked for. */
export interface ListUnconfirmedRequest {
  /** Default both. */
  readonly state?: UnconfirmedState | undefined;
  /** How many at most: 1 to 1000, default 100. */
  readonly limit?: number | undefined;
  /** Only those after this position: that of the last one of the page before. */
  readonly after?: string | undefined;
}

/** A place that has not confirmed messages that wait for it. Counts go up to 10,000. */
export interface UnconfirmedPlace {
  /** `undefined`: that of messages that only relays of an earlier version have tried. */
  readonly place: string | undefined;
  /** How many were tried, and wait for their next attempt. */
  readonly tried: number;
  /** How many without an ordering key wait untried, since the place is away; `undefined`: this outbox has no lines. */
  readonly untried: number | undefined;
  /** When the oldest of those that were tried was added. */
  readonly oldestAt: number;
  /** When one of them was tried last. */
  readonly triedAt: number;
  /** Its answer to the newest of them, or why there was none. */
  readonly refusal: string;
}

/** The contents of an outbox. */
export interface OutboxBacklog {
  /** How many messages wait, parked ones among them; counted up to 10,000. */
  readonly messages: number;
  readonly parked: number;
  /** How many were tried and not confirmed, and wait for their next attempt; counted up to 10,000. */
  readonly unconfirmed: number;
  /** How many places these go to. */
  readonly places: number;
  /** For how long the oldest waits that is not parked, milliseconds; `undefined`: none does. */
  readonly oldestMs: number | undefined;
}

/**
 * The port of an outbox. Each method is one atomic step and decides by the store's own clock. Every method rejects when
 * the store can't be reached; whether it was executed is then unknown, and asking again is safe for all but `add`.
 */
export interface OutboxStore<Transaction> {
  /**
   * Adds a message to a transaction: it commits with it, or never was. Answers with its id.
   *
   * @throws OnceAgainError `ONCE_MESSAGE_INVALID`, `ONCE_MESSAGE_TOO_LARGE`; `ONCE_OPTION_INVALID` for what is no open
   *   transaction; what the database says.
   */
  add(transaction: Transaction, message: NewMessage): Promise<string>;
  /**
   * Claims messages without a key, the oldest first, and ordering keys, each by its oldest message: until that message is
   * confirmed, postponed, or its lease is over, no other relay is given the key.
   */
  claim(request: ClaimMessagesRequest): Promise<ClaimedMessages>;
  /** Removes messages that the broker has confirmed, by their positions, even if another relay claimed them. */
  confirm(positions: readonly string[]): Promise<void>;
  /**
   * Gives messages back that the owner still holds when the call arrives: those with its lease, and those of a key with its
   * lease on the oldest message. One that was claimed, given back or parked since stays as it is, so a call that comes late
   * changes nothing.
   */
  postpone(requests: readonly PostponeRequest[]): Promise<void>;
  /** Listens for added messages. Missing, or resolving to `undefined`: there is no signal, so a relay polls. */
  listen?(onAdded: () => void, onLost: (error: unknown) => void): Promise<(() => Promise<void>) | undefined>;
  /** Messages that were tried and not confirmed, without their bodies, the oldest first. */
  listUnconfirmed(request?: ListUnconfirmedRequest): Promise<UnconfirmedMessage[]>;
  /** The unconfirmed messages of an id, whole: mostly one, and 10 at most. Empty: none has this id. */
  showUnconfirmed(id: string): Promise<WholeUnconfirmedMessage[]>;
  /** The places of the oldest 10,000 messages that wait unconfirmed, those with the most of them first; 10 at most. */
  listPlaces(): Promise<UnconfirmedPlace[]>;
  /**
   * Has a parked message published again, in its old place unless it was passed. Until it is confirmed, it is listed as one that
   * waits, with the last answer. `false`: none is parked by that id.
   */
  retryParked(id: string): Promise<boolean>;
  /** Removes a parked message; it is never published. Who did that, and why, is stored, and not its body. `false` as above. */
  discardParked(id: string, discarding?: Discarding): Promise<boolean>;
  /** Messages that people discarded, as long as that is stored, the newest first. */
  listDiscarded(request?: ListDiscardedRequest): Promise<DiscardedMessage[]>;
  backlog(): Promise<OutboxBacklog>;
}

/** The part of an outbox that a relay needs. */
export type RelaySource = Pick<OutboxStore<never>, "claim" | "confirm" | "postpone" | "listen">;
