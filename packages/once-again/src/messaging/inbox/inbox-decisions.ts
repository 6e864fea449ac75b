import { errorText } from "../../core/error-text.ts";
import { OnceAgainError } from "../../core/errors.ts";
import type { OnceOperation, Outcome } from "../../engine/engine.ts";
import type { InspectedRecord, MarkAnswer, MarkRequest } from "../../stores/store.ts";
import type { InboxSettings } from "./inbox-options.ts";
import type { DeadLetterReason, InboxVerdict } from "./inbox.ts";

// The decisions of an inbox, data in and decision out. That a message is a duplicate is found by the engine's claim of its id, or by
// the mark of its partition. The explorer (test/proof/explorer) drives these functions.

/** The end of one try: a verdict, or that it is tried again. */
export type Handled = { readonly verdict: InboxVerdict } | Unhandled;

/** A message about which nothing can be decided, and the reason. */
export interface Undecidable {
  readonly fault: OnceAgainError;
}

/** A try that came to no verdict. */
export interface Unhandled {
  /** Whether the work failed; otherwise another has the message, or the store can't be reached. */
  readonly isFailure: boolean;
  readonly detail: string;
  /** How long to wait then; missing: as the backoff says. */
  readonly delayMs?: number | undefined;
}

/** The rules that decide. */
export type DecisionRules = Pick<InboxSettings, "transactional" | "isHolding" | "leaseMs" | "deliveriesMax">;

/** How long to wait for the consumer that has the message in an open transaction, milliseconds. */
const inProgressMs = 1000;

/**
 * Decides about a message by the engine's outcome.
 *
 * @param failure how its work failed here; missing: it did not run, or did not fail.
 */
export function handledOutcome({ kind }: Pick<Outcome, "kind">, rules: DecisionRules, failure?: WorkFailure): Handled {
  switch (kind) {
    case "executed":
    case "replayed":
      return acknowledge(kind === "replayed");
    case "in-progress":
      // Its work had no effect, and an earlier attempt may have had one: a try that failed, of which nothing else is known.
      if (failure !== undefined) return { ...inProgress(rules), isFailure: true, detail: errorText(failure.error) };
      return inProgress(rules);
    case "mismatch":
      return deadLetter("mismatch", "its id came with another topic or other bytes before");
    case "outcome-unknown":
      return unknownOutcome();
  }
}

/**
 * Decides about a numbered message by the mark of its partition; `undefined`: it moved the mark, and its work may run.
 *
 * @param end the number that its source gives its next message.
 */
export function handledMark(
  answer: MarkAnswer,
  mark: MarkRequest,
  rules: DecisionRules,
  end = Infinity,
): Handled | Undecidable | undefined {
  switch (answer.kind) {
    case "moved":
      return undefined;
    case "locked":
      return inProgress(rules);
    case "behind":
      if (answer.position >= end) return { fault: markAheadError(mark, answer.position, end) };
      return isRenumbered(answer.storedAt, mark.storedAt)
        ? deadLetter("mismatch", renumbered(mark))
        : acknowledge(true);
  }
}

function isRenumbered(markedAt: number | undefined, storedAt: number | undefined): boolean {
  return markedAt !== undefined && storedAt !== undefined && storedAt > markedAt;
}

function markAheadError({ key }: MarkRequest, position: number, end: number): OnceAgainError {
  return new OnceAgainError(
    "ONCE_MARK_AHEAD",
    `The mark of "${key}" is at ${position}, and its source ends before ${end}: it was deleted and made anew, or has lost its last ` +
      "messages. Its messages would pass for repeats, so none is handled. Give it another name, by the option topicName of consumeKafka.",
    { details: { partition: key, position, end } },
  );
}

function renumbered({ key, position }: MarkRequest): string {
  return `${key} had a number ${position} before: its numbers began again, and need another name`;
}

/** How work failed. */
export interface WorkFailure {
  readonly error: unknown;
  /** Whether the work says that nothing happened: by what it threw, or before it did. */
  readonly hadNoEffect: boolean;
}

/** Decides about a message after its work failed. */
export function handledFailure(
  { error, hadNoEffect }: WorkFailure,
  { transactional, isHolding }: DecisionRules,
): Handled {
  const detail = errorText(error);
  if (isRejection(error)) return deadLetter("rejected", detail);
  if (!transactional && isHolding && !hadNoEffect) return unknownOutcome(detail);
  return { isFailure: true, detail };
}

/** Decides, by the stored record, about a message that ended its process when it was tried alone. */
export function handledTooOften(
  found: InspectedRecord | undefined,
  operation: Pick<OnceOperation, "fingerprint"> | undefined,
  rules: DecisionRules,
): Handled {
  const isSame = found !== undefined && found.record.fingerprint === operation?.fingerprint;
  if (isSame && found.state === "done") return acknowledge(true);
  if (isSame && found.state === "running") return inProgress(rules);
  return deadLetter(
    "failed",
    `delivered more than ${rules.deliveriesMax} times; its process died when it was tried alone`,
  );
}

/** Whether a message was delivered more often than it may be tried, so that it is tried alone. */
export function isWorn(
  { deliveries = 1 }: { readonly deliveries?: number | undefined },
  { deliveriesMax }: Pick<DecisionRules, "deliveriesMax">,
): boolean {
  return deliveries > deliveriesMax;
}

/** The verdict of a message that has failed for the `tries`-th time; `undefined`: it is tried again. */
export function verdictAfterTries(
  tries: number,
  { detail }: Unhandled,
  { deliveriesMax }: Pick<DecisionRules, "deliveriesMax">,
): InboxVerdict | undefined {
  if (tries < deliveriesMax) return undefined;
  return { action: "dead-letter", reason: "failed", detail: `tried ${tries} times, at last: ${detail}` };
}

/** Whether the work won't ever take the message. */
export function isRejection(error: unknown): error is OnceAgainError {
  return OnceAgainError.isInstance(error, "ONCE_MESSAGE_REJECTED");
}

/** Another consumer has it. The delay is the time for which the death of that consumer may go unnoticed. */
function inProgress({ transactional, leaseMs }: DecisionRules): Unhandled {
  const delayMs = transactional ? inProgressMs : Math.ceil(leaseMs / 3);
  return { isFailure: false, detail: "another consumer has it", delayMs };
}

const acknowledge = (isRepeat: boolean): Handled => ({ verdict: { action: "acknowledge", isRepeat } });

function deadLetter(reason: DeadLetterReason, detail: string): Handled {
  return { verdict: { action: "dead-letter", reason, detail } };
}

function unknownOutcome(detail = "an earlier attempt ended without a word"): Handled {
  return deadLetter("outcome-unknown", detail);
}
