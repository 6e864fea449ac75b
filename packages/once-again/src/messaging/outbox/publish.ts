import { OnceAgainError } from "../../core/errors.ts";
import { checkFunction, requireText } from "../../core/options.ts";
import type { OutboxMessage } from "../../stores/outbox-store.ts";

/**
 * Hands a message to a broker, and resolves when the broker has confirmed it. It is called again for the same message
 * after a failure or a crash, with the same id.
 *
 * An error that it throws decides about the message: an error that says that the place can't be reached
 * (`unavailableError`, a broken connection) is waited out, however long it takes; any other is a refusal of this message,
 * which is tried again and parked in the end. Silence is waited out, too, unless the publisher rejects with a refusal when its
 * signal aborts.
 */
export interface Publish {
  (message: OutboxMessage, context: PublishContext): Promise<Confirmation | void>;
  /**
   * The place that a message goes to: a queue, a topic, a server. A relay waits out each place by itself, so that one that is
   * away, forbidden or silent holds up no message of another. Default the message's topic; no more than 255 characters count.
   */
  readonly place?: ((message: OutboxMessage) => string) | undefined;
}

/** The context of a publish, beside the message. */
export interface PublishContext {
  /** Aborts when the confirmation is no longer awaited. */
  readonly signal: AbortSignal;
}

/** Facts that a broker may give with its confirmation. */
export interface Confirmation {
  /** The broker knew the message's id already, and did not take it a second time. */
  readonly isDuplicate: boolean;
}

/** Facts that a broker gives with a refusal: when to try again, and whether at all. */
export interface PublishFailureDetails {
  /** How long it asks to be left alone at least, milliseconds; no more than a day counts. */
  readonly retryAfterMs?: number | undefined;
  /** True if it will never take the message, so that the message is parked at once; default false. */
  readonly isFinal?: boolean | undefined;
  /**
   * True if it can't take the message at present, as a queue that is full. The message is tried again for as long as it takes,
   * with growing delays, and is not parked for it; default false.
   */
  readonly isTemporary?: boolean | undefined;
  /** True if the message is larger than its place takes; default false. */
  readonly isTooLarge?: boolean | undefined;
}

/** A text that a publisher needs of each message, such as the name of its place. */
export type MessageText = (message: OutboxMessage) => string;

/**
 * Checks an option of a publisher that says a text of each message.
 *
 * @param otherwise the text where the option is missing.
 * @returns a function that throws OnceAgainError `ONCE_OPTION_INVALID` for what is no text: a client would write a promise as
 *   "[object Promise]", and the broker would confirm the message there.
 */
export function messageText(name: string, given: MessageText | undefined, otherwise: MessageText): MessageText {
  if (checkFunction(name, given) === undefined) return otherwise;
  return (message) => requireText(`${name}()`, given?.(message));
}

/** The error of a publisher when the place can't be reached or did not confirm: nothing is said about the message. */
export function unavailableError(
  why: string,
  cause?: unknown,
  { retryAfterMs }: Pick<PublishFailureDetails, "retryAfterMs"> = {},
): OnceAgainError {
  const message = `${why} The message stays in the outbox, and is sent again.`;
  return new OnceAgainError("ONCE_BROKER_UNAVAILABLE", message, { cause, details: { retryAfterMs } });
}

/** The error of a publisher when its broker refused this message. */
export function refusedError(why: string, cause?: unknown, details: PublishFailureDetails = {}): OnceAgainError {
  return new OnceAgainError("ONCE_MESSAGE_REFUSED", why, { cause, details: { ...details } });
}

const dayMs = 86_400_000;

/** The details of a publisher's error, beside its code. */
export function failureDetails(error: unknown): {
  readonly [Name in keyof PublishFailureDetails]-?: NonNullable<PublishFailureDetails[Name]>;
} {
  const details: PublishFailureDetails = OnceAgainError.isInstance(error) ? error.details : {};
  const { retryAfterMs = 0, isFinal = false, isTemporary = false, isTooLarge = false } = details;
  // A header that is no number comes as NaN.
  return { retryAfterMs: retryAfterMs > 0 ? Math.min(retryAfterMs, dayMs) : 0, isFinal, isTemporary, isTooLarge };
}
