import { errorText } from "../../core/error-text.ts";
import { producersId } from "../../key/producers-id.ts";
import { type FailedRecord, nameFrom, type RecordSource } from "./records.ts";

/** The parts that we use of a message of SQS. */
export interface SqsRecord {
  readonly messageId: string;
  readonly body: string;
  readonly eventSourceARN: string;
  readonly attributes: {
    readonly MessageGroupId?: string | undefined;
    readonly MessageDeduplicationId?: string | undefined;
  };
  readonly messageAttributes: Readonly<Record<string, { readonly stringValue?: string | undefined }>>;
}

/** The parts that we use of a record of Kinesis. */
export interface KinesisRecord {
  readonly eventID: string;
  readonly eventSourceARN: string;
  readonly kinesis: { readonly sequenceNumber: string; readonly data: string };
}

/** The parts that we use of a record of a stream of DynamoDB. */
export interface DynamodbRecord {
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
}

/** The parts that we use of a notification of SNS. */
export interface SnsRecord {
  readonly Sns: {
    readonly MessageId: string;
    readonly TopicArn: string;
    readonly Message: string;
    readonly MessageAttributes?: Readonly<Record<string, { readonly Value?: string | undefined }>> | undefined;
  };
}

/** The parts that we use of an event of S3. */
export interface S3Record {
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
}

/** The parts that we use of an event of EventBridge. */
export interface EventBridgeRecord {
  readonly id: string;
  readonly source: string;
  readonly "detail-type": string;
  readonly detail: unknown;
}

/** The answer to Lambda where its event source mapping has `ReportBatchItemFailures`. */
export interface BatchAnswer {
  batchItemFailures: { itemIdentifier: string }[];
}

export const sqsSource: RecordSource<SqsRecord> = {
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

export const kinesisSource: RecordSource<KinesisRecord> = {
  key: ({ eventID, eventSourceARN }) => nameFrom(eventSourceARN, eventID),
  covered: ({ kinesis: { data } }) => data,
  group: () => "the shard",
};

export const dynamodbSource: RecordSource<DynamodbRecord> = {
  key: ({ eventID, eventSourceARN }) => (eventID === undefined ? "" : nameFrom(eventSourceARN, eventID)),
  covered: ({ eventName, dynamodb: { Keys, NewImage, OldImage } = {} }) => ({ eventName, Keys, NewImage, OldImage }),
  group: () => "the shard",
};

export const snsSource: RecordSource<SnsRecord> = {
  key({ Sns: { MessageId, TopicArn, MessageAttributes } }) {
    const id = producersId(MessageAttributes?.["id"]?.Value, undefined, undefined);
    return id === undefined ? nameFrom(TopicArn, MessageId) : nameFrom(id);
  },
  covered: ({ Sns: { Message } }) => Message,
  group: () => undefined,
};

export const s3Source: RecordSource<S3Record> = {
  // Of two changes to one object the sequencers differ, and of two notifications of one change they are the same. S3 promises
  // one where an object is made or deleted, and not where its tags or rights change: there the request is the change.
  key({ eventName, responseElements, s3: { bucket, object } }) {
    const change = object.sequencer ?? responseElements?.["x-amz-request-id"];
    return change === undefined ? "" : nameFrom(bucket.name, object.key, object.versionId, eventName, change);
  },
  covered: ({ s3: { object } }) => object.eTag ?? "",
  group: () => undefined,
};

/** Which messages SQS shall hand over again. */
export function answerSqs(failed: readonly FailedRecord<SqsRecord>[]): BatchAnswer {
  return { batchItemFailures: failed.map(({ record: { messageId } }) => ({ itemIdentifier: messageId })) };
}

/**
 * From which record on a stream shall hand over again: the first that failed, behind which none was tried. Lambda takes an
 * empty identifier for the whole batch.
 */
export function answerStream<Record>(
  sequenceNumber: (record: Record) => string | undefined,
): (failed: readonly FailedRecord<Record>[]) => BatchAnswer {
  return ([first]) => ({
    batchItemFailures: first === undefined ? [] : [{ itemIdentifier: sequenceNumber(first.record) ?? "" }],
  });
}

/** Has Lambda hand the whole event over again: what was done is not done again. @throws what failed. */
export function answerWhole(failed: readonly FailedRecord<unknown>[]): void {
  const errors = failed.map(({ error }) => error ?? new Error("There was no time left to begin it."));
  if (errors.length === 1) throw errors[0];
  if (errors.length === 0) return;
  throw new AggregateError(errors, `${errors.length} records failed; the first one: ${errorText(errors[0])}`);
}
