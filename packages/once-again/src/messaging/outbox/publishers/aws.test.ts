import { expect, test } from "vitest";
import type { OutboxMessage } from "../../../stores/outbox-store.ts";
import { publishToEventBridge, publishToSns, publishToSqs, type SqsPublisher } from "./aws.ts";

// Answers that no emulator gives.

const signal = new AbortController().signal;
const messageOf = (id: string, changes: Partial<OutboxMessage> = {}): OutboxMessage => ({
  id,
  topic: "orders",
  orderingKey: undefined,
  headers: {},
  body: Buffer.from("{}"),
  addedAt: 0,
  ...changes,
});
const queueUrl = "http://127.0.0.1/orders";
type Answer = Awaited<ReturnType<SqsPublisher["sendMessageBatch"]>>;
const answering = (answer: () => Promise<Answer>) => publishToSqs({ sendMessageBatch: answer }, { queueUrl });

test.for([
  ["an empty answer", {}],
  ["no answer", undefined],
  ["an answer about another one", { Successful: [{ Id: "7" }] }],
] as const)("%s confirms nothing", async ([, answer]) => {
  const away = { code: "ONCE_BROKER_UNAVAILABLE" };
  await expect(answering(async () => answer as Answer)(messageOf("1"), { signal })).rejects.toMatchObject(away);
  const sns = publishToSns({ publishBatch: async () => answer as Answer }, { topicArn: "arn" });
  await expect(sns(messageOf("1"), { signal })).rejects.toMatchObject(away);
  const bus = publishToEventBridge({ putEvents: async () => ({}) }, { source: "shop" });
  await expect(bus(messageOf("1"), { signal })).rejects.toMatchObject(away);
});

test("a message that the answer does not name is sent again, and the others are confirmed", async () => {
  const publish = answering(async () => ({ Successful: [{ Id: "0" }, { Id: "2" }] }));
  const ends = await Promise.allSettled(["a", "b", "c"].map((id) => publish(messageOf(id), { signal })));
  expect(ends.map(({ status }) => status)).toEqual(["fulfilled", "rejected", "fulfilled"]);
});

test.for([
  ["UnrecognizedClientException", 400],
  ["InvalidClientTokenId", 403],
  ["AuthorizationErrorException", 403],
  ["KmsDisabled", 400],
  ["OverLimit", 403],
  ["SomethingNew", 429],
] as const)("%s says nothing about a message", async ([name, httpStatusCode]) => {
  const error = Object.assign(new Error("no"), { name, $fault: "client", $metadata: { httpStatusCode } });
  const publish = answering(async () => {
    throw error;
  });
  await expect(publish(messageOf("1"), { signal })).rejects.toMatchObject({ code: "ONCE_BROKER_UNAVAILABLE" });
});

test("an entry that our rights are the reason for is not parked", async () => {
  const Entries = [{ ErrorCode: "AccessDeniedException", ErrorMessage: "no" }];
  const bus = publishToEventBridge({ putEvents: async () => ({ Entries }) }, { source: "shop" });
  await expect(bus(messageOf("1"), { signal })).rejects.toMatchObject({ details: { isTemporary: true } });
});

test("a call is given up when none of its messages is awaited any more", async () => {
  const controllers = [new AbortController(), new AbortController()];
  const { promise: called, resolve } = Promise.withResolvers<AbortSignal>();
  const client: SqsPublisher = {
    sendMessageBatch: (_input, { abortSignal }) => {
      resolve(abortSignal);
      return new Promise((_, reject) =>
        abortSignal.addEventListener("abort", () => reject(abortSignal.reason as Error)),
      );
    },
  };
  const publish = publishToSqs(client, { queueUrl });
  const sent = controllers.map((controller, index) => publish(messageOf(String(index)), { signal: controller.signal }));
  const abortSignal = await called;
  controllers[0]!.abort();
  expect(abortSignal.aborted).toBe(false);
  controllers[1]!.abort();
  const ends = await Promise.allSettled(sent);
  expect(ends).toMatchObject([1, 2].map(() => ({ reason: { code: "ONCE_BROKER_UNAVAILABLE" } })));
});

test("bytes are counted, and not characters: a call has 256 KiB at most", async () => {
  const calls: number[] = [];
  const putEvents = async ({ Entries }: { Entries: { Detail: string }[] }) => {
    calls.push(Entries.reduce((sum, { Detail }) => sum + Buffer.byteLength(Detail), 0));
    return { Entries: Entries.map(() => ({})) };
  };
  const publish = publishToEventBridge({ putEvents }, { source: "shop" });
  const body = Buffer.from(JSON.stringify("ä".repeat(60_000)));
  await Promise.all(["1", "2", "3"].map((id) => publish(messageOf(id, { body }), { signal })));
  expect(calls).toHaveLength(2);
  expect(Math.max(...calls)).toBeLessThanOrEqual(262_144);
});

test("a header with characters that SQS refuses is sent, and arrives as it was", async () => {
  const headers = { odd: "a\ufffe\uffff\u0001b" };
  const sent: string[] = [];
  const client: SqsPublisher = {
    async sendMessageBatch({ Entries }) {
      sent.push(Entries[0]!.MessageAttributes["headers"]!.StringValue);
      return { Successful: [{ Id: "0" }] };
    },
  };
  await publishToSqs(client, { queueUrl })(messageOf("1", { headers }), { signal });
  expect(sent[0]).toMatch(/^[ -~]*$/);
  expect(JSON.parse(sent[0]!)).toEqual(headers);
});
