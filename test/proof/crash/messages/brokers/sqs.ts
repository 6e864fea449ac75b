import { SQS } from "@aws-sdk/client-sqs";
import { setTimeout } from "node:timers/promises";
import { consumeSqs } from "../../../../../packages/once-again/src/messaging/inbox/index.ts";
import { publishToSqs } from "../../../../../packages/once-again/src/messaging/outbox/index.ts";
import { startFauxqs } from "../../../../support/servers/fauxqs.ts";
import { awsClientOptions } from "../../../../support/servers/moto.ts";
import type { MessagesBroker } from "../broker.ts";
import { consumerNames, consumers, type ConsumerName } from "../shop.ts";

/** A queue that gets everything before its consumer's queue does, which the audit reads as it comes. */
const archive = "archive.fifo";

const queueOf = (name: ConsumerName): string => (consumers[name].isOrdered ? `${name}.fifo` : name);
const deadOf = (name: ConsumerName): string => (consumers[name].isOrdered ? `${name}-dead.fifo` : `${name}-dead`);

/** By fauxqs, which keeps the order of a FIFO group after a time-out, as AWS does and moto does not. */
export const sqsBroker: MessagesBroker = {
  name: "sqs",
  // A package of npm, which Node runs.
  binary: { name: "node", install: "npm install" },
  start: startFauxqs,
  publishing: "AmazonSQS.SendMessageBatch",
  acknowledging: "AmazonSQS.DeleteMessage",
  deliversInOrder: true,
  hasLeases: true,
  survivesKills: false,
  async link(url, leaseMs) {
    const client = clientOf(url);
    const toArchive = publishToSqs(client, { queueUrl: urlOf(url, archive) });
    const toConsumer = publishToSqs(client, {
      queueUrl: ({ topic }) => urlOf(url, queueOf(consumerNames.find((name) => consumers[name].topic === topic)!)),
    });
    return {
      async publish(message, context) {
        await toArchive(message, context);
        return toConsumer(message, context);
      },
      consume: (name, inbox, work) =>
        consumeSqs(
          client,
          {
            inbox,
            queueUrl: urlOf(url, queueOf(name)),
            concurrency: consumers[name].isOrdered ? 1 : 16,
            visibilitySeconds: leaseMs / 1000,
            waitSeconds: 1,
            onError: () => undefined,
          },
          work,
        ),
      close: async () => client.destroy(),
    };
  },
  async prepare(url) {
    const client = clientOf(url);
    const queues = consumerNames.map(queueOf);
    const letters = consumerNames.map(deadOf);
    for (const QueueName of [archive, ...queues, ...letters]) {
      await client.createQueue({
        QueueName,
        ...(QueueName.endsWith(".fifo") && { Attributes: { FifoQueue: "true" } }),
      });
    }
    const ids: string[] = [];
    const closing = new AbortController();
    const reading = readArchive(client, url, ids, closing.signal);
    const count = async (names: readonly string[]): Promise<number> => {
      const counts = await Promise.all(names.map((name) => messagesIn(client, urlOf(url, name))));
      return counts.reduce((sum, one) => sum + one, 0);
    };
    return {
      waiting: () => count([archive, ...queues]),
      letters: () => count(letters),
      published: async () => ids,
      async close() {
        closing.abort();
        await reading;
        client.destroy();
      },
    };
  },
};

const urlOf = (url: string, queue: string): string => `${url}/000000000000/${queue}`;

function clientOf(url: string): SQS {
  return new SQS({ ...awsClientOptions({ url }), maxAttempts: 1 });
}

async function messagesIn(client: SQS, QueueUrl: string): Promise<number> {
  const { Attributes = {} } = await client.getQueueAttributes({ QueueUrl, AttributeNames: ["All"] });
  const parts = (["", "NotVisible", "Delayed"] as const).map(
    (part) => Attributes[`ApproximateNumberOfMessages${part}`] ?? 0,
  );
  return parts.reduce<number>((sum, part) => sum + Number(part), 0);
}

/** Takes down the ids of all messages in the order in which the queue got them, of each ordering key. */
async function readArchive(client: SQS, url: string, ids: string[], stop: AbortSignal): Promise<void> {
  const QueueUrl = urlOf(url, archive);
  while (!stop.aborted) {
    try {
      const { Messages = [] } = await client.receiveMessage({
        QueueUrl,
        MaxNumberOfMessages: 10,
        MessageAttributeNames: ["id"],
      });
      for (const { MessageAttributes, ReceiptHandle } of Messages) {
        ids.push(String(MessageAttributes!["id"]!.StringValue));
        await client.deleteMessage({ QueueUrl, ReceiptHandle });
      }
      if (Messages.length === 0) await setTimeout(20);
    } catch {
      // The broker stands still.
      await setTimeout(50);
    }
  }
}
