import { answerWhole, nameFrom, recordsFrom, type RecordSource } from "./records.ts";

/** The parts that we use of an event of S3. They have no name, so that a user's declaration file needs none. */
const s3Source: RecordSource<{
  readonly eventName: string;
  readonly responseElements?: Readonly<Record<string, string | undefined>> | undefined;
  readonly s3: {
    readonly bucket: { readonly name: string };
    readonly object: {
      readonly key: string;
      readonly sequencer?: string | undefined;
      readonly versionId?: string | undefined;
      readonly eTag?: string | undefined;
    };
  };
}> = {
  name: "onceS3",
  parts: { eventName: "string", s3: "object" },
  // Of two changes to one object the sequencers differ, and of two notifications of one change they are the same. S3 promises
  // one where an object is made or deleted, and not where its tags or rights change: there the request is the change.
  key({ eventName, responseElements, s3: { bucket, object } }) {
    const change = object.sequencer ?? responseElements?.["x-amz-request-id"];
    return change === undefined ? "" : nameFrom(bucket.name, object.key, object.versionId, eventName, change);
  },
  covered: ({ s3: { object } }) => object.eTag ?? "",
  group: () => undefined,
};

/**
 * Makes a handler of S3 run each notification once. When it fails, the function fails, and Lambda hands over the event again.
 *
 * A notification's key is the bucket, object, version, kind of event, and sequencer, else request; the option `key` names it
 * otherwise.
 *
 * @throws OnceAgainError `ONCE_OPTION_INVALID`, `ONCE_UNSAFE_PAIR`.
 * @example
 * ```ts
 * export const handler = onceS3({ store, scope: "fulfil" }, async ({ s3: { bucket, object } }) => {
 *   await fulfil({ bucket: bucket.name, order: object.key });
 * });
 * ```
 */
export const onceS3 = recordsFrom(s3Source, answerWhole);
