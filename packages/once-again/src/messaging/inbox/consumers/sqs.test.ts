import { afterEach, beforeEach, expect, onTestFinished, test, vi } from "vitest";
import { memoryStore } from "../../../stores/memory/index.ts";
import type { ReadableMessage } from "../inbox-message.ts";
import { consumeSqs, openInbox } from "../index.ts";
import type { SqsConsumerClient, SqsDelivery } from "./sqs.ts";

// A client that goes silent, as that of the SDK does where its connection is dead: it has no time-out by itself.

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

const queueUrl = "http://127.0.0.1/orders";

/** Never answers, unless it is given up. */
const silent = (_input: unknown, { abortSignal }: { abortSignal: AbortSignal }): Promise<never> =>
  new Promise((_, reject) => {
    abortSignal.addEventListener("abort", () => reject(abortSignal.reason as Error), { once: true });
  });

function clientOf(deliveries: SqsDelivery[], changes: Partial<SqsConsumerClient>): SqsConsumerClient {
  return {
    getQueueAttributes: async () => ({ Attributes: { VisibilityTimeout: "30" } }),
    async receiveMessage(input, options) {
      const Messages = deliveries.splice(0, input.MaxNumberOfMessages);
      return Messages.length > 0 ? { Messages } : silent(input, options);
    },
    changeMessageVisibility: async () => undefined,
    deleteMessage: async () => undefined,
    sendMessageBatch: async () => ({}),
    ...changes,
  };
}

const delivery = (id: string, changes: Partial<SqsDelivery> = {}): SqsDelivery => ({
  MessageId: id,
  ReceiptHandle: `receipt-${id}`,
  Body: "tea",
  MessageAttributes: { id: { StringValue: id } },
  ...changes,
});

function open() {
  const inbox = openInbox({ store: memoryStore(), consumer: "billing" });
  onTestFinished(() => inbox.close());
  const [errors, effects]: [string[], string[]] = [[], []];
  const options = { inbox, queueUrl, onError: (error: unknown) => void errors.push(String(error)) };
  const work = ({ id }: ReadableMessage): void => void effects.push(id);
  return { errors, effects, options, work };
}

test("a question for messages that has no answer is given up 10 s after its time, and asked again", async () => {
  const { errors, effects, options, work } = open();
  let questions = 0;
  const client = clientOf([], {
    receiveMessage(input, signals) {
      questions += 1;
      return questions === 2 ? Promise.resolve({ Messages: [delivery("7")] }) : silent(input, signals);
    },
  });
  const consumer = await consumeSqs(client, options, work);
  await vi.advanceTimersByTimeAsync(29_000);
  expect([questions, errors]).toEqual([1, []]);
  await vi.advanceTimersByTimeAsync(3000);
  expect(effects).toEqual(["7"]);
  expect(errors).toEqual([expect.stringContaining("within 30000 ms")]);
  await consumer.close();
});

test("a queue that does not say its attributes fails the start after 10 s, and not never", async () => {
  const { options, work } = open();
  const started = consumeSqs(clientOf([], { getQueueAttributes: silent }), options, work);
  const [failed] = await Promise.allSettled([started, vi.advanceTimersByTimeAsync(10_000)]);
  expect(failed).toMatchObject({
    reason: { message: "SQS did not say a queue's attributes within 10000 ms." },
  });
});

test("a delete that has no answer takes no place for ever, and its message is hidden no longer", async () => {
  const { errors, effects, options, work } = open();
  let extensions = 0;
  const client = clientOf([delivery("1"), delivery("2")], {
    deleteMessage: silent,
    changeMessageVisibility: async () => void (extensions += 1),
  });
  const consumer = await consumeSqs(client, { ...options, concurrency: 1 }, work);
  await vi.advanceTimersByTimeAsync(21_000);
  expect(effects).toEqual(["1", "2"]);
  expect(errors).toEqual([1, 2].map(() => expect.stringContaining("delete within 10000 ms") as string));
  extensions = 0;
  await vi.advanceTimersByTimeAsync(60_000);
  expect(extensions).toBe(0);
  await consumer.close();
});

test("a message is neither deleted nor given back while it is hidden for longer, which would come last", async () => {
  const { errors, options } = open();
  const go = Promise.withResolvers<void>();
  const extended = Promise.withResolvers<void>();
  const calls: string[] = [];
  const group = { Attributes: { MessageGroupId: "anna" } };
  const client = clientOf([delivery("1", group), delivery("2", group)], {
    async changeMessageVisibility({ ReceiptHandle, VisibilityTimeout }) {
      if (VisibilityTimeout > 0) await extended.promise;
      calls.push(`${ReceiptHandle} ${VisibilityTimeout}`);
    },
    deleteMessage: async ({ ReceiptHandle }) => calls.push(`${ReceiptHandle} deleted`),
  });
  const consumer = await consumeSqs(client, { ...options, queueUrl: `${queueUrl}.fifo` }, () => go.promise);
  await vi.advanceTimersByTimeAsync(10_000);
  const closing = consumer.close();
  go.resolve();
  await vi.advanceTimersByTimeAsync(1000);
  expect(calls).toEqual([]);
  extended.resolve();
  await vi.advanceTimersByTimeAsync(1000);
  await closing;
  expect(calls).toEqual(["receipt-1 30", "receipt-2 30", "receipt-1 deleted", "receipt-2 0"]);
  expect(errors).toEqual([]);
});

test("two groups that number their messages alike have two effects", async () => {
  const { effects, options, work } = open();
  const ofGroup = (MessageGroupId: string): SqsDelivery =>
    delivery(MessageGroupId, {
      Attributes: { MessageGroupId, MessageDeduplicationId: "1" },
      MessageAttributes: undefined,
    });
  const long = "a".repeat(128);
  const tooLong = { MessageGroupId: long, MessageDeduplicationId: long };
  const client = clientOf(
    [ofGroup("anna"), ofGroup("bert"), delivery("c", { Attributes: tooLong, MessageAttributes: undefined })],
    {},
  );
  const consumer = await consumeSqs(client, { ...options, queueUrl: `${queueUrl}.fifo` }, work);
  await vi.advanceTimersByTimeAsync(100);
  expect(effects).toEqual(["anna 1", "bert 1", expect.stringMatching(/^[\da-f]{64}$/)]);
  await consumer.close();
});
