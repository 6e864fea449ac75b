import { producersId } from "../../key/producers-id.ts";
import { batchFailures, nameFrom, recordsFrom, type RecordSource } from "./records.ts";

/** The parts that we use of a message of SQS. They have no name, so that a user's declaration file needs none. */
const sqsSource: RecordSource<{
  readonly messageId: string;
  readonly body: string;
  readonly eventSourceARN: string;
  readonly attributes: {
    readonly MessageGroupId?: string | undefined;
    readonly MessageDeduplicationId?: string | undefined;
  };
  readonly messageAttributes: Readonly<Record<string, { readonly stringValue?: string | undefined }>>;
}> = {
  name: "onceSqs",
  parts: {
    messageId: "string",
    body: "string",
    eventSourceARN: "string",
    attributes: "object",
    messageAttributes: "object",
  },
  key({ messageId, attributes, messageAttributes }) {
    const { MessageDeduplicationId, MessageGroupId } = attributes;
    const id = producersId(messageAttributes["id"]?.stringValue, MessageDeduplicationId, MessageGroupId);
    return nameFrom(id ?? messageId);
  },
  covered: ({ body }) => body,
  // Messages of other queues may have a group, too, which shares the consumers fairly and keeps no order.
  group: ({ eventSourceARN, attributes }) =>
    eventSourceARN.endsWith(".fifo") ? (attributes.MessageGroupId ?? "") : undefined,
};

/**
 * Makes a handler of a batch of SQS run each message once. Its answer names the messages that failed, and SQS hands over those
 * alone. After the first failure of a FIFO group, the rest of that group is not tried.
 *
 * **The event source mapping needs `ReportBatchItemFailures`**: without it Lambda ignores the answer and deletes the messages that failed.
 *
 * A message's key is its attribute `id`, else its group and deduplication id, else its message id; the option `key` names it
 * otherwise. At most `concurrency` (10) are handled at a time. A message is not begun when less than twice the time is left that
 * the slowest one before it took.
 *
 * @throws OnceAgainError `ONCE_OPTION_INVALID`, `ONCE_UNSAFE_PAIR`. Failures of messages go to `onError`.
 * @example
 * ```ts
 * export const handler = onceSqs({ store, scope: "charge" }, async ({ body }, { key, signal }) => {
 *   const { amount } = JSON.parse(body) as { amount: number };
 *   await charge(amount, { idempotencyKey: key, signal });
 * });
 * ```
 */
export const onceSqs = recordsFrom(sqsSource, (failed) => batchFailures(failed.map(({ record }) => record.messageId)));
