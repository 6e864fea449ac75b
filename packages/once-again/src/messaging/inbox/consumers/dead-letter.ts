import type { Clock } from "../../../core/clock.ts";
import { failureDetails, type Publish } from "../../outbox/publish.ts";
import { makeKey } from "../../../key/index.ts";
import type { OutboxMessage } from "../../../stores/outbox-store.ts";
import type { InboxVerdict } from "../inbox.ts";
import { type InboxMessage, messageId } from "../inbox-message.ts";

/** The characters of a reason or an id that a broker accepts, at most. */
const textLengthMax = 500;

export type DeadLetterVerdict = Extract<InboxVerdict, { action: "dead-letter" }>;

/** The parts of a dead letter that its broker's consumer gives, beside the message. */
export interface LetterParts {
  /** Its own id, where the message's own does not tell one delivery from another; default the message's id. */
  readonly id?: string | undefined;
  /** The message's address, where its broker still has it after it was acknowledged. */
  readonly place?: string | undefined;
  /** The queue, topic, subject or stream that it came from, where it can be sent again. */
  readonly source?: string | undefined;
  /** The ordering key of the message, where its broker has it outside its headers. */
  readonly orderingKey?: string | undefined;
}

/** A message as a dead letter: its bytes, its id, its consumer, and the reason. */
export function deadLetter(
  message: InboxMessage,
  consumer: string,
  { reason, detail }: DeadLetterVerdict,
  clock: Pick<Clock, "now">,
  { id: letterId, place, source, orderingKey = message.headers["ordering-key"] }: LetterParts = {},
): OutboxMessage {
  const { topic, headers, body, deliveries } = message;
  const id = messageId(message);
  const isUsable = typeof id === "string" && id !== "";
  return {
    id: letterId ?? (isUsable ? id : makeKey()),
    topic,
    orderingKey: undefined,
    headers: {
      ...headers,
      ...(isUsable && { "dead-letter-id": headerText(id) }),
      "dead-letter-consumer": consumer,
      "dead-letter-reason": reason,
      "dead-letter-detail": headerText(detail),
      ...(place !== undefined && { "dead-letter-place": headerText(place) }),
      ...wholeText("dead-letter-source", source),
      ...wholeText("dead-letter-ordering-key", orderingKey),
      ...(deliveries !== undefined && { "dead-letter-deliveries": String(deliveries) }),
    },
    body,
    addedAt: clock.now(),
  };
}

/**
 * Publishes dead letters, and those that are too large for their broker without the message's bytes and headers: their `place` says where
 * the message still is. One without a place is not cut, since its message would be lost with it.
 */
export function cuttingLargeLetters(publish: Publish): Publish {
  return async (letter, context) => {
    try {
      return await publish(letter, context);
    } catch (error) {
      if (!failureDetails(error).isTooLarge || letter.headers["dead-letter-place"] === undefined) throw error;
      const own = Object.entries(letter.headers).filter(([name]) => name.startsWith("dead-letter-"));
      const headers = { ...Object.fromEntries(own), "dead-letter-cut": `${letter.body.length} bytes` };
      return await publish({ ...letter, headers, body: new Uint8Array() }, context);
    }
  };
}

/** A header that is of use as a whole only: one that a broker might not take is left out. */
function wholeText(name: string, text: string | undefined): Record<string, string> {
  return text !== undefined && headerText(text) === text ? { [name]: text } : {};
}

function headerText(text: string): string {
  return text
    .slice(0, textLengthMax)
    .toWellFormed()
    .replaceAll(/\p{Cc}+/gu, " ");
}
