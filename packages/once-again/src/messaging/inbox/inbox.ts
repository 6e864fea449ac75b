import type { InboxMessage, ReadableMessage } from "./inbox-message.ts";
import type { MessageExecution } from "./inbox-options.ts";

/** The verdict on a message, for the broker. */
export type InboxVerdict =
  /** Its effect is there, of this delivery or of an earlier one. */
  | { readonly action: "acknowledge"; readonly isRepeat: boolean }
  /** This inbox will not handle it: put it where people look, with the reason, and acknowledge it then. */
  | { readonly action: "dead-letter"; readonly reason: DeadLetterReason; readonly detail: string }
  /** The inbox closes, and its effect has not happened here: leave it to another consumer. */
  | { readonly action: "give-back" };

/**
 * Why a message is a dead letter: `unreadable` (no id), `rejected` (the work won't take it), `mismatch` (its id came with
 * other bytes before), `failed` (it was tried `deliveriesMax` times), `outcome-unknown` (it is unknown whether its effect
 * happened; its record is held).
 */
export type DeadLetterReason = "unreadable" | "rejected" | "mismatch" | "failed" | "outcome-unknown";

/** Handles one message. What it throws is a failure: see `InboxRules`. */
export type MessageWork<Transaction> = (
  message: ReadableMessage,
  execution: MessageExecution<Transaction>,
) => Promise<void> | void;

/** One effect for each message of one consumer. */
export interface Inbox<Transaction = undefined> extends AsyncDisposable {
  readonly consumer: string;
  /** Whether it takes numbered messages: it is transactional, on a store that has high-water marks. */
  readonly hasMarks: boolean;
  /** How often work may fail for a message: see `InboxRules`. */
  readonly deliveriesMax?: number | undefined;
  /**
   * Handles a message unless it was handled before, and says what becomes of it. While another consumer has it, the work
   * fails, or the store can't be reached, it waits and tries again: the message stays unacknowledged meanwhile, so a broker
   * that bounds those sends no more. Messages of one partition, where they have a `position`, are handled one after the other.
   *
   * @throws OnceAgainError `ONCE_OPTION_INVALID` for what is no message (a `topic` that is no text, `deliveries` that are no number), for a
   *   work that is no function, and for a position that is invalid, or that this inbox has no mark for; `ONCE_MARK_AHEAD` for a source that
   *   was made anew, as its `end` shows. Nothing is decided then. It never rejects otherwise.
   */
  handle(message: InboxMessage, work: MessageWork<Transaction>, options?: HandleOptions): Promise<InboxVerdict>;
  /**
   * Resolves when the store can be reached, or the inbox closes. A consumer that takes nothing from its broker before gives
   * nothing back either, however often its process is deployed while the store is away. While it is away, `onError` is called.
   */
  ready?(options?: HandleOptions): Promise<void>;
  /**
   * Starts nothing more, and resolves when the work that runs has ended: within `handlerMsMax`, and three times `storeMsMax`.
   * Waiting messages are given back, which no inbox counts as a try; the inbox's consumers then take nothing more. The store stays open.
   */
  close(): Promise<void>;
}

/** How long an inbox may take for a message. */
export interface HandleOptions {
  /** Gives a message back that waits, when it aborts. Work that runs goes on to its end. */
  readonly signal?: AbortSignal | undefined;
}
