import { producersId } from "../../key/producers-id.ts";
import { answerWhole, nameFrom, recordsFrom, type RecordSource } from "./records.ts";

/** The parts that we use of a notification of SNS. They have no name, so that a user's declaration file needs none. */
const snsSource: RecordSource<{
  readonly Sns: {
    readonly MessageId: string;
    readonly TopicArn: string;
    readonly Message: string;
    readonly MessageAttributes?: Readonly<Record<string, { readonly Value?: string | undefined }>> | undefined;
  };
}> = {
  name: "onceSns",
  parts: { Sns: "object" },
  key({ Sns: { MessageId, TopicArn, MessageAttributes } }) {
    const id = producersId(MessageAttributes?.["id"]?.Value, undefined, undefined);
    return id === undefined ? nameFrom(TopicArn, MessageId) : nameFrom(id);
  },
  covered: ({ Sns: { Message } }) => Message,
  group: () => undefined,
};

/**
 * Makes a handler of SNS run each notification once. When it fails, the function fails, and Lambda hands over the event again.
 *
 * A notification's key is its attribute `id`, else its topic and message id; the option `key` names it otherwise.
 *
 * @throws OnceAgainError `ONCE_OPTION_INVALID`, `ONCE_UNSAFE_PAIR`.
 * @example
 * ```ts
 * export const handler = onceSns({ store, scope: "charge" }, async ({ Sns }, { key, signal }) => {
 *   const { amount } = JSON.parse(Sns.Message) as { amount: number };
 *   await charge(amount, { idempotencyKey: key, signal });
 * });
 * ```
 */
export const onceSns = recordsFrom(snsSource, answerWhole);
