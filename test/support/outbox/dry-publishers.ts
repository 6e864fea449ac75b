import {
  publishToEventBridge,
  publishToHttp,
  publishToJetstream,
  publishToKafka,
  publishToRabbitmq,
  publishToRedisStreams,
  publishToSns,
  publishToSqs,
  signWebhooks,
  type OutboxMessage,
  type Publish,
} from "../../../packages/once-again/src/messaging/outbox/index.ts";

/** A message as a client was given it: the place that it goes to, and its headers. */
export interface SentMessage {
  readonly place: string;
  readonly headers: readonly (readonly [name: string, value: string])[];
}

type Seen = (sent: SentMessage) => void;

/** A publisher on a client that shows what it is given, and sends nothing. */
export interface DryPublisher {
  /** With the options that it needs, and no more. */
  readonly make: (seen: Seen) => Publish;
  /** With an option that names the place of each message; missing where a publisher has one place. */
  readonly makeRouted?: (seen: Seen, name: (message: OutboxMessage) => string) => Publish;
}

const http = (seen: Seen, url: string | ((message: OutboxMessage) => string)): Publish =>
  publishToHttp({
    url,
    headers: signWebhooks("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"),
    fetch: async (given) => {
      const { url: place, headers } = given as Request;
      seen({ place: new URL(place).origin, headers: [...headers] });
      return new Response();
    },
  });

const jetstream = (seen: Seen, subject?: (message: OutboxMessage) => string): Publish =>
  publishToJetstream(
    {
      publish: async (place, _body, { headers }) => {
        seen({ place, headers: headers.list });
        return { duplicate: false };
      },
    },
    {
      subject,
      headers: () => {
        const list: [string, string][] = [];
        return { list, append: (name: string, value: string) => void list.push([name, value]) };
      },
    },
  );

const kafka = (seen: Seen, topic?: (message: OutboxMessage) => string): Publish =>
  publishToKafka(
    { send: async (sent) => seen({ place: sent.topic, headers: Object.entries(sent.messages[0]!.headers) }) },
    { topic },
  );

const rabbitmq = (seen: Seen, routingKey?: (message: OutboxMessage) => string): Publish => {
  const channel = {
    publish: (exchange: string, key: string, _content: Buffer, options: object, confirm: (error: unknown) => void) => {
      const { headers } = options as { headers: Record<string, string> };
      seen({ place: `${exchange}/${key}`, headers: Object.entries(headers) });
      confirm(null);
      return true;
    },
    on: () => undefined,
    close: async () => undefined,
  };
  return publishToRabbitmq({ createConfirmChannel: async () => channel }, { exchange: "shop", routingKey });
};

const redisStreams = (seen: Seen, stream?: (message: OutboxMessage) => string): Publish =>
  publishToRedisStreams(
    {
      xadd: async (...parts) => {
        const headers = JSON.parse(String(parts[parts.indexOf("headers") + 1])) as Record<string, string>;
        seen({ place: String(parts[0]), headers: Object.entries(headers) });
      },
    },
    { stream },
  );

const sqs = (seen: Seen, queueUrl: string | ((message: OutboxMessage) => string)): Publish =>
  publishToSqs(
    {
      sendMessageBatch: async ({ QueueUrl, Entries }) => {
        for (const { MessageAttributes } of Entries) {
          const headers = JSON.parse(MessageAttributes["headers"]!.StringValue) as Record<string, string>;
          seen({ place: QueueUrl, headers: Object.entries(headers) });
        }
        return { Successful: Entries.map(({ Id }) => ({ Id })) };
      },
    },
    { queueUrl },
  );

const sns = (seen: Seen, topicArn: string | ((message: OutboxMessage) => string)): Publish =>
  publishToSns(
    {
      publishBatch: async ({ TopicArn, PublishBatchRequestEntries: entries }) => {
        for (const { MessageAttributes } of entries) {
          const headers = JSON.parse(MessageAttributes["headers"]!.StringValue) as Record<string, string>;
          seen({ place: TopicArn, headers: Object.entries(headers) });
        }
        return { Successful: entries.map(({ Id }) => ({ Id })) };
      },
    },
    { topicArn },
  );

const eventBridge = (seen: Seen): Publish =>
  publishToEventBridge(
    {
      putEvents: async ({ Entries }) => {
        for (const { EventBusName = "default", Detail } of Entries) {
          const { metadata } = JSON.parse(Detail) as { metadata: { headers: Record<string, string> } };
          seen({ place: EventBusName, headers: Object.entries(metadata.headers) });
        }
        return { Entries: Entries.map(() => ({})) };
      },
    },
    { source: "shop" },
  );

/** Every publisher of the package, by its name. */
export const dryPublishers: Readonly<Record<string, DryPublisher>> = {
  publishToHttp: { make: (seen) => http(seen, "http://shop.test/orders"), makeRouted: http },
  publishToJetstream: { make: jetstream, makeRouted: jetstream },
  publishToKafka: { make: kafka, makeRouted: kafka },
  publishToRabbitmq: { make: rabbitmq, makeRouted: rabbitmq },
  publishToRedisStreams: { make: redisStreams, makeRouted: redisStreams },
  publishToSqs: { make: (seen) => sqs(seen, "https://sqs.test/1/orders"), makeRouted: sqs },
  publishToSns: { make: (seen) => sns(seen, "arn:aws:sns:eu-1:1:orders"), makeRouted: sns },
  publishToEventBridge: { make: eventBridge },
};
