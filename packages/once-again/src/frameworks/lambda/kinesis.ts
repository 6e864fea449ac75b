import { answerStream, nameFrom, recordsFrom, type RecordSource } from "./records.ts";

/** The parts that we use of a record of Kinesis. They have no name, so that a user's declaration file needs none. */
const kinesisSource: RecordSource<{
  readonly eventID: string;
  readonly eventSourceARN: string;
  readonly kinesis: { readonly sequenceNumber: string; readonly data: string };
}> = {
  name: "onceKinesis",
  parts: { eventID: "string", eventSourceARN: "string", kinesis: "object" },
  key: ({ eventID, eventSourceARN }) => nameFrom(eventSourceARN, eventID),
  covered: ({ kinesis: { data } }) => data,
  group: () => "the shard",
};

/**
 * Makes a handler of a batch of Kinesis run each record once, in order. Its answer names the first record that failed, from which the stream hands
 * over again, and behind which none was tried.
 *
 * **The event source mapping needs `ReportBatchItemFailures`**: without it Lambda ignores the answer, and the record that failed is lost.
 *
 * A record's key is its stream, shard and sequence number; the option `key` names it otherwise.
 *
 * @throws OnceAgainError `ONCE_OPTION_INVALID`, `ONCE_UNSAFE_PAIR`. Failures of records go to `onError`.
 * @example
 * ```ts
 * export const handler = onceKinesis({ store, scope: "charge" }, async ({ kinesis: { data } }, { key, signal }) => {
 *   const { amount } = JSON.parse(Buffer.from(data, "base64").toString()) as { amount: number };
 *   await charge(amount, { idempotencyKey: key, signal });
 * });
 * ```
 */
export const onceKinesis = recordsFrom(
  kinesisSource,
  answerStream(({ kinesis }) => kinesis.sequenceNumber),
);
