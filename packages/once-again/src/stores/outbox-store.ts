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

/** Messages that one relay may publish now: those of one ordering key, in their order, or some without a key. */
export interface ClaimedBatch {
  readonly orderingKey: string | undefined;
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
  /** The broker's answer; missing where it said nothing: then it is not counted as a refusal. */
  readonly refusal?: string | undefined;
  /** With `refusal`: how often it was refused by now. A repeated call gives the same number, so that it counts once. */
  readonly refusals?: number | undefined;
  /**
   * `block`: it is published no more until a person decides, and neither are those after it of its ordering key. `pass`:
   * those after it go on. Default: it is tried again.
   */
  readonly park?: "block" | "pass" | undefined;
}

/** A message that a person has to decide about, without its body. */
export interface ParkedMessage extends Omit<OutboxMessage, "body"> {
  /** Its place in the outbox: what `after` takes. */
  readonly position: string;
  readonly bodyBytes: number;
  readonly refusals: number;
  /** The broker's last answer. */
  readonly refusal: string;
  readonly parkedAt: number;
  /** Whether those after it of its ordering key wait for a decision. One without a key, or that others passed, holds up none. */
  readonly blocks: boolean;
}

/** A parked message whole. */
export interface WholeParkedMessage extends ParkedMessage {
  readonly body: Uint8Array;
}

/** Which parked messages are asked for. */
export interface ListParkedRequest {
  /** How many at most: 1 to 1000, default 100. */
  readonly limit?: number | undefined;
  /** Only those after this position: that of the last one of the page before. */
  readonly after?: string | undefined;
}

/** The contents of an outbox. */
export interface OutboxBacklog {
  /** How many messages wait, parked ones among them; counted up to 10,000. */
  readonly messages: number;
  readonly parked: number;
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
  /** Parked messages without their bodies, the oldest first. */
  listParked(request?: ListParkedRequest): Promise<ParkedMessage[]>;
  /** The parked messages of an id, whole: mostly one, and 10 at most. Empty: none is parked by it. */
  showParked(id: string): Promise<WholeParkedMessage[]>;
  /** Has a parked message published again, in its old place unless it was passed. `false`: none is parked by that id. */
  retryParked(id: string): Promise<boolean>;
  /** Removes a parked message; it is never published. `false` as above. */
  discardParked(id: string): Promise<boolean>;
  backlog(): Promise<OutboxBacklog>;
}

/** The part of an outbox that a relay needs. */
export type RelaySource = Pick<OutboxStore<never>, "claim" | "confirm" | "postpone" | "listen">;
