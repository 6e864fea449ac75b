import type { InboxMessage, ReadableMessage } from "./inbox-message.ts";
import type { MessageExecution } from "./inbox-options.ts";

/** What becomes of a message at the broker. */
export type InboxVerdict =
  /** Its effect is there, of this delivery or of an earlier one. */
  | { readonly action: "acknowledge"; readonly isRepeat: boolean }
  /** Nobody here will handle it: put it where people look, with the reason, and acknowledge it then. */
  | { readonly action: "dead-letter"; readonly reason: DeadLetterReason; readonly detail: string }
  /** The inbox closes, and its effect has not happened here: leave it to another consumer. */
  | { readonly action: "give-back" };

/**
 * Why a message is a dead letter: `unreadable` (no id), `rejected` (the work won't take it), `mismatch` (its id came with
 * other bytes before), `failed` (it was tried `deliveriesMax` times), `outcome-unknown` (nobody knows whether its effect
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
  /**
   * Handles a message unless it was handled before, and says what becomes of it. While another consumer has it, the work
   * fails, or the store can't be reached, it waits and tries again: the message stays unacknowledged meanwhile, so a broker
   * that bounds those sends no more. Messages of one partition, where they have a `position`, are handled one after the other.
   *
   * @throws OnceAgainError `ONCE_OPTION_INVALID` for what is no message (a `topic` that is no text, `deliveries` that are no number), for a
   *   work that is no function, and for a position that is none, or that this inbox has no mark for: nothing is decided then. It never rejects otherwise.
   */
  handle(message: InboxMessage, work: MessageWork<Transaction>): Promise<InboxVerdict>;
  /** Starts nothing more, and resolves when what runs has ended; what waits is given back. The store stays open. */
  close(): Promise<void>;
}
