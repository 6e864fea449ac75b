import { loadDriver } from "once-again/internal/command";
import { publishToSqs } from "once-again/outbox";
import {
  type HeldLetter,
  inTime,
  type Letter,
  type LetterPlace,
  messageOf,
  readLetter,
  textHeaders,
  writtenHeaders,
} from "./letter.ts";

/** The part of `@aws-sdk/client-sqs` that we use. */
interface Sdk {
  SQS: new (options: object) => Sqs;
}

type Publisher = Parameters<typeof publishToSqs>[0];

interface Sqs extends Publisher {
  getQueueUrl(input: { QueueName: string }): Promise<{ readonly QueueUrl?: string }>;
  getQueueAttributes(input: {
    QueueUrl: string;
    AttributeNames: string[];
  }): Promise<{ readonly Attributes?: Readonly<Partial<Record<string, string>>> }>;
  receiveMessage(input: object): Promise<{ readonly Messages?: readonly Delivery[] }>;
  changeMessageVisibilityBatch(input: {
    QueueUrl: string;
    Entries: { Id: string; ReceiptHandle: string; VisibilityTimeout: number }[];
  }): Promise<unknown>;
  deleteMessage(input: { QueueUrl: string; ReceiptHandle: string }): Promise<unknown>;
  destroy(): void;
}

interface Delivery {
  readonly MessageId?: string;
  readonly ReceiptHandle?: string;
  readonly Body?: string;
  readonly Attributes?: Readonly<Partial<Record<string, string>>>;
  readonly MessageAttributes?: Readonly<Record<string, { readonly StringValue?: string }>>;
}

/** How many letters SQS hands over at a time. */
const pageMax = 10;

/** How long a letter that is looked at stays hidden from others, should the command be killed, seconds. */
const hiddenSeconds = 60;

/** Opens a queue of dead letters in SQS, by its name or its URL. */
export async function openSqsLetters({ hostname }: URL, queue: string): Promise<LetterPlace> {
  const { SQS } = loadDriver("SQS", ["@aws-sdk/client-sqs"]).module as Sdk;
  const client = new SQS({
    ...(hostname !== "" && { region: hostname }),
    maxAttempts: 2,
    useQueueUrlAsEndpoint: false,
  });
  try {
    const queueUrl = await findQueue(client, queue);
    const place = placeOf(client, queueUrl);
    // One that is not there says so now.
    await place.count();
    return place;
  } catch (error) {
    client.destroy();
    throw error;
  }
}

async function findQueue(client: Sqs, queue: string): Promise<string> {
  if (/^https?:/.test(queue)) return queue;
  const { QueueUrl } = await inTime("find the queue", client.getQueueUrl({ QueueName: queue }));
  if (QueueUrl === undefined) throw new Error(`There is no queue ${JSON.stringify(queue)} in SQS.`);
  return QueueUrl;
}

function placeOf(client: Sqs, QueueUrl: string): LetterPlace {
  const held = new Set<string>();
  const count = async (): Promise<number> => {
    const AttributeNames = ["ApproximateNumberOfMessages"];
    const asked = client.getQueueAttributes({ QueueUrl, AttributeNames });
    const { Attributes = {} } = await inTime("count the letters", asked);
    return Number(Attributes["ApproximateNumberOfMessages"] ?? 0);
  };
  const hold = (delivery: Delivery): HeldLetter => {
    const letter = letterOf(delivery);
    const { ReceiptHandle = "", MessageId = "" } = delivery;
    return {
      letter,
      async send(to) {
        const publish = publishToSqs(withDeduplicationId(client, MessageId), { queueUrl: await findQueue(client, to) });
        const message = messageOf(letter as Letter & { id: string }, Date.now());
        await inTime("confirm the send", publish(message, { signal: AbortSignal.timeout(60_000) }));
        return true;
      },
      async remove() {
        await inTime("remove the letter", client.deleteMessage({ QueueUrl, ReceiptHandle }));
        held.delete(ReceiptHandle);
      },
    };
  };
  return {
    count,
    async visit(max, visitor) {
      const began = Date.now();
      for (let left = max; left > 0;) {
        const question = {
          ...{ QueueUrl, MaxNumberOfMessages: Math.min(left, pageMax), VisibilityTimeout: hiddenSeconds },
          ...{ AttributeNames: ["All"], MessageSystemAttributeNames: ["All"], MessageAttributeNames: ["All"] },
          // Without a wait only some of its servers are asked.
          WaitTimeSeconds: 1,
        };
        const { Messages = [] } = await inTime("hand over letters", client.receiveMessage(question));
        if (Messages.length === 0) return;
        for (const { ReceiptHandle = "" } of Messages) held.add(ReceiptHandle);
        for (const delivery of Messages) {
          left -= 1;
          // A letter that was sent may come back as another one.
          if (Number(delivery.Attributes?.["SentTimestamp"] ?? 0) > began) continue;
          if (!(await visitor(hold(delivery)))) return;
        }
      }
    },
    finish: async () => undefined,
    notice: () => undefined,
    async close() {
      const receipts = [...held];
      for (let first = 0; first < receipts.length; first += pageMax) {
        const page = receipts.slice(first, first + pageMax);
        const Entries = page.map((ReceiptHandle, index) => ({
          Id: String(index),
          ReceiptHandle,
          VisibilityTimeout: 0,
        }));
        await inTime("show the letters again", client.changeMessageVisibilityBatch({ QueueUrl, Entries }));
      }
      client.destroy();
    },
  };
}

/**
 * A client with which a letter is sent to a FIFO queue by a deduplication id that only this letter has. By the message's own one SQS would
 * drop it, and confirm it, within 5 minutes of the first send. The attribute `id`, by which inboxes know repeats, stays.
 */
function withDeduplicationId(client: Publisher, id: string): Publisher {
  return {
    sendMessageBatch: (input, options) => {
      const Entries = input.Entries.map((entry) =>
        entry.MessageDeduplicationId === undefined ? entry : { ...entry, MessageDeduplicationId: id },
      );
      return client.sendMessageBatch({ ...input, Entries }, options);
    },
  };
}

/** The attributes that publishers of ours write. */
const reserved: ReadonlySet<string> = new Set(["id", "topic", "orderingKey", "headers", "encoding"]);

function letterOf({ Body = "", Attributes = {}, MessageAttributes = {} }: Delivery): Letter {
  const texts = textHeaders(
    Object.fromEntries(Object.entries(MessageAttributes).map(([name, { StringValue }]) => [name, StringValue])),
  );
  const others = Object.entries(texts).filter(([name]) => !reserved.has(name));
  const at = Number(Attributes["SentTimestamp"]);
  return readLetter({
    id: texts["id"],
    topic: texts["topic"] ?? "",
    orderingKey: texts["orderingKey"] ?? Attributes["MessageGroupId"],
    headers: { ...Object.fromEntries(others), ...writtenHeaders(texts["headers"]) },
    body: new Uint8Array(Buffer.from(Body, texts["encoding"] === "base64" ? "base64" : "utf8")),
    at: Number.isFinite(at) ? at : undefined,
    source: Attributes["DeadLetterQueueSourceArn"]?.split(":").at(-1),
  });
}
