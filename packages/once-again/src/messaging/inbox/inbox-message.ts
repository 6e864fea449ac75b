import { OnceAgainError } from "../../core/errors.ts";
import { joinBytes } from "../../core/bytes.ts";
import { checkNumber, invalidOptionError } from "../../core/options.ts";
import { nameProblem } from "../../key/key.ts";
import { sha256 } from "../../key/sha256.ts";

/** A message as a broker delivers it. */
export interface InboxMessage {
  /** The producer's id, the same in every repeat: 1 to 255 characters. `undefined`: it came without one. */
  readonly id: string | undefined;
  readonly topic: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
  /**
   * Its number, where the source numbers its messages and hands those of a partition over one at a time, in order, each when the
   * one before is acknowledged: its effect is there, or its dead letter is written. In transactional mode the partition's high-water mark then detects repeats for ever, and an id
   * is needed only against a producer that sends a message twice.
   */
  readonly position?: MessagePosition | undefined;
  /** How often the broker has delivered it, this time included, as far as it counts: a whole number of at least 1, default 1. */
  readonly deliveries?: number | undefined;
}

/** Where a message stands in its source. Numbers may leave gaps, and never go back. */
export interface MessagePosition {
  /**
   * The numbered sequence, such as a stream, or a topic and its partition: 1 to 200 characters. One that was deleted and made anew
   * begins its numbers again, and needs another name.
   */
  readonly partition: string;
  /** A whole number from 0 to 2^53 - 1: JetStream's stream sequence, `Number(offset)` of Kafka. */
  readonly sequence: number;
  /**
   * When the source stored it, by the source's clock, milliseconds since the epoch; only where these times grow with the
   * numbers. A message that is numbered at or below the mark, and was stored later than the marked one, is then no repeat but
   * a dead letter: the source has lost messages, and numbers others as it did those.
   */
  readonly storedAt?: number | undefined;
  /**
   * The number that its source gives its next message, as far as the source says so: Kafka's high watermark. A mark at or above it was
   * set before the source began its numbers anew, so nothing is decided: `handle` rejects with `ONCE_MARK_AHEAD`.
   */
  readonly end?: number | undefined;
}

/** A message that can be handled: it has an id, of its producer's or else of its position. */
export type ReadableMessage = InboxMessage & { readonly id: string };

/** How long a partition's name may be, so that it is part of an id. */
const partitionLengthMax = 200;

/** @throws OnceAgainError `ONCE_OPTION_INVALID` for what is no position. */
export function checkPosition(position: MessagePosition): void {
  const { partition, sequence, storedAt = 0, end = 0 } = position ?? {};
  if (nameProblem(partition) !== undefined || partition.length > partitionLengthMax) {
    const wanted = `the name of what is numbered, 1 to ${partitionLengthMax} characters`;
    throw invalidOptionError("position.partition", wanted, partition);
  }
  checkNumber("position.sequence", sequence, { min: 0, max: Number.MAX_SAFE_INTEGER, integer: true });
  checkNumber("position.storedAt", storedAt, { min: 0, max: Number.MAX_SAFE_INTEGER });
  checkNumber("position.end", end, { min: 0, max: Number.MAX_SAFE_INTEGER, integer: true });
}

/** The id of a message: its producer's, or else that of its position. */
export function messageId({ id, position }: Pick<InboxMessage, "id" | "position">): string | undefined {
  return id ?? (position && `${position.partition}:${position.sequence}`);
}

/** Why a message's id can't be used; `undefined`: it can. */
export function messageProblem({ id, body }: InboxMessage): string | undefined {
  if (!(body instanceof Uint8Array)) return "its body is no Uint8Array";
  if (id === undefined) return "it has no id, so a repeat can't be known";
  const problem = nameProblem(id);
  return problem === undefined ? undefined : `its id is ${problem}`;
}

/** Distinguishes a message from another with its id: the topic and the bytes. Headers differ from one delivery to the next. */
export async function messageFingerprint({ topic, body }: InboxMessage): Promise<string> {
  return sha256(joinBytes([new TextEncoder().encode(`${JSON.stringify(topic)}\n`), body]));
}

/**
 * Reads a message's body as JSON.
 *
 * @throws OnceAgainError `ONCE_MESSAGE_REJECTED` for an invalid one: the message goes to the dead letters at once.
 */
export function readJson({ body }: InboxMessage): unknown {
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(body));
  } catch (cause) {
    throw rejectedError("The body is no JSON.", cause);
  }
}

/** Thrown by work that will never take this message: it goes to the dead letters at once, and nothing of it happened. */
export function rejectedError(reason: string, cause?: unknown): OnceAgainError {
  return new OnceAgainError("ONCE_MESSAGE_REJECTED", reason, { cause });
}
