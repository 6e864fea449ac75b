import { answerStream, nameFrom, recordsFrom, type RecordSource } from "./records.ts";

/** The parts that we use of a record of a stream of DynamoDB. They have no name, so that a user's declaration file needs none. */
const dynamodbSource: RecordSource<{
  readonly eventID?: string | undefined;
  readonly eventName?: string | undefined;
  readonly eventSourceARN?: string | undefined;
  readonly dynamodb?:
    | {
        readonly Keys?: unknown;
        readonly NewImage?: unknown;
        readonly OldImage?: unknown;
        readonly SequenceNumber?: string | undefined;
      }
    | undefined;
}> = {
  name: "onceDynamodbStream",
  parts: { eventName: "string" },
  key: ({ eventID, eventSourceARN }) => (eventID === undefined ? "" : nameFrom(eventSourceARN, eventID)),
  covered: ({ eventName, dynamodb: { Keys, NewImage, OldImage } = {} }) => ({ eventName, Keys, NewImage, OldImage }),
  group: () => "the shard",
};

/**
 * Makes a handler of a stream of DynamoDB run each record once, in order. Its answer names the first record that failed, from which the stream hands
 * over again, and behind which none was tried.
 *
 * **The event source mapping needs `ReportBatchItemFailures`**: without it Lambda ignores the answer, and the record that failed is lost.
 *
 * A record's key is its stream and `eventID`; the option `key` names it otherwise.
 *
 * @throws OnceAgainError `ONCE_OPTION_INVALID`, `ONCE_UNSAFE_PAIR`. Failures of records go to `onError`.
 * @example
 * ```ts
 * export const handler = onceDynamodbStream({ store, scope: "fulfil" }, async ({ eventName, dynamodb }) => {
 *   if (eventName === "INSERT") await fulfil(dynamodb?.NewImage);
 * });
 * ```
 */
export const onceDynamodbStream = recordsFrom(
  dynamodbSource,
  answerStream(({ dynamodb }) => dynamodb?.SequenceNumber),
);
