import type { Clock } from "../../../core/clock.ts";
import { makeKey } from "../../../key/index.ts";
import type { OutboxMessage } from "../../../stores/outbox-store.ts";
import type { InboxVerdict } from "../inbox.ts";
import { type InboxMessage, messageId } from "../inbox-message.ts";

/** The characters of a reason or an id that a broker accepts, at most. */
const textLengthMax = 500;

export type DeadLetterVerdict = Extract<InboxVerdict, { action: "dead-letter" }>;

/**
 * A message as a dead letter: its bytes, its id, its consumer, and the reason.
 *
 * @param letterId the letter's own id, where the message's own does not tell one delivery from another; default the message's id.
 */
export function deadLetter(
  message: InboxMessage,
  consumer: string,
  { reason, detail }: DeadLetterVerdict,
  clock: Pick<Clock, "now">,
  letterId?: string,
): OutboxMessage {
  const { topic, headers, body } = message;
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
    },
    body,
    addedAt: clock.now(),
  };
}

function headerText(text: string): string {
  return text
    .slice(0, textLengthMax)
    .toWellFormed()
    .replaceAll(/\p{Cc}+/gu, " ");
}
