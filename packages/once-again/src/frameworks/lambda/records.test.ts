import { describe, expect, test } from "vitest";
import { NoEffectError } from "../../engine/index.ts";
import { memoryStore } from "../../stores/memory/index.ts";
import { onceDynamodbStream } from "./dynamodb-stream.ts";
import { onceEventBridge } from "./event-bridge.ts";
import { onceKinesis } from "./kinesis.ts";
import { onceLambdaHttp } from "./lambda-http.ts";
import { onceLambda } from "./once-lambda.ts";
import { onceS3 } from "./s3.ts";
import { onceSns } from "./sns.ts";
import { onceSqs } from "./sqs.ts";

type SqsRecord = Parameters<ReturnType<typeof onceSqs>>[0]["Records"][number];
type KinesisRecord = Parameters<ReturnType<typeof onceKinesis>>[0]["Records"][number];
type DynamodbRecord = Parameters<ReturnType<typeof onceDynamodbStream>>[0]["Records"][number];

const queue = "arn:aws:sqs:us-east-1:1:orders";

function sqs(body: string, changes: Partial<SqsRecord> = {}): SqsRecord {
  return { messageId: `m-${body}`, body, eventSourceARN: queue, attributes: {}, messageAttributes: {}, ...changes };
}

const ofGroup = (body: string, group: string): SqsRecord =>
  sqs(body, {
    eventSourceARN: `${queue}.fifo`,
    attributes: { MessageGroupId: group, MessageDeduplicationId: `d-${body}` },
  });

const failures = (...ids: readonly string[]) => ({
  batchItemFailures: ids.map((itemIdentifier) => ({ itemIdentifier })),
});

/** Effects in memory, and errors. */
function rules() {
  const errors: unknown[] = [];
  const options = { store: memoryStore(), scope: "billing", onError: (error: unknown) => void errors.push(error) };
  return { options, errors, effects: [] as string[] };
}

describe("a batch of SQS", () => {
  test("says which messages failed, and does the others once", async () => {
    const { options, errors, effects } = rules();
    let soldOut = true;
    const handler = onceSqs(options, ({ body }) => {
      if (body === "b" && soldOut) throw new NoEffectError("sold out");
      effects.push(body);
    });
    const Records = ["a", "b", "c"].map((body) => sqs(body));
    expect(await handler({ Records })).toEqual(failures("m-b"));
    expect(errors).toMatchObject([{ message: "sold out" }]);
    soldOut = false;
    expect(await handler({ Records })).toEqual(failures());
    expect(effects).toEqual(["a", "c", "b"]);
    await handler.close();
  });

  test("holds a message with an unknown outcome, which fails until the queue parks it", async () => {
    const { options, effects } = rules();
    const handler = onceSqs(options, ({ body }) => {
      effects.push(body);
      throw new Error("broken off");
    });
    for (let times = 0; times < 3; times += 1) expect(await handler({ Records: [sqs("a")] })).toEqual(failures("m-a"));
    expect(effects).toEqual(["a"]);
  });

  test.for([
    ["the attribute id", { messageAttributes: { id: { stringValue: "7" } } }],
    ["the deduplication id", { attributes: { MessageDeduplicationId: "7" } }],
  ] as const)("knows a message that was sent twice by %s", async ([, changes]) => {
    const { options, effects } = rules();
    const handler = onceSqs(options, ({ messageId }) => void effects.push(messageId));
    const twice = ["first", "second"].map((messageId) => sqs("a", { ...changes, messageId }));
    for (const record of twice) expect(await handler({ Records: [record] })).toEqual(failures());
    expect(effects).toEqual(["first"]);
  });

  test("does not take a hash of the content for an id: two orders of the same content are two", async () => {
    const { options, effects } = rules();
    const handler = onceSqs(options, ({ messageId }) => void effects.push(messageId));
    const attributes = { MessageDeduplicationId: "0".repeat(64), MessageGroupId: "g" };
    for (const messageId of ["1", "2"]) await handler({ Records: [sqs("tea", { messageId, attributes })] });
    expect(effects).toEqual(["1", "2"]);
  });

  test("takes a deduplication id for one of its group: a queue may deduplicate within each group alone", async () => {
    const { options, effects } = rules();
    const handler = onceSqs(options, ({ messageId }) => void effects.push(messageId));
    const eventSourceARN = `${queue}.fifo`;
    for (const [messageId, MessageGroupId] of [
      ["1", "anna"],
      ["2", "bert"],
      ["3", "anna"],
    ] as const) {
      const attributes = { MessageGroupId, MessageDeduplicationId: "1" };
      await handler({ Records: [sqs("pay 5", { messageId, attributes, eventSourceARN })] });
    }
    expect(effects).toEqual(["1", "2"]);
    const [long, other] = ["a", "b"].map((letter) => letter.repeat(128));
    for (const MessageGroupId of [long!, other!]) {
      const attributes = { MessageGroupId, MessageDeduplicationId: long };
      await handler({ Records: [sqs("pay 5", { messageId: MessageGroupId, attributes, eventSourceARN })] });
    }
    expect(effects.slice(2)).toEqual([long, other]);
  });

  test("an id that names nothing fails, and is not that of all such messages", async () => {
    const { options, errors, effects } = rules();
    const handler = onceSqs(options, ({ messageId }) => void effects.push(messageId));
    const messageAttributes = { id: { stringValue: " " } };
    const Records = ["1", "2"].map((messageId) => sqs("tea", { messageId, messageAttributes }));
    expect(await handler({ Records })).toEqual(failures("1", "2"));
    expect(effects).toEqual([]);
    expect(errors).toMatchObject([{ code: "ONCE_KEY_INVALID" }, { code: "ONCE_KEY_INVALID" }]);
  });

  test("an id that came with another body before fails", async () => {
    const { options, errors } = rules();
    const handler = onceSqs({ ...options, key: () => "7" }, () => undefined);
    expect(await handler({ Records: [sqs("a")] })).toEqual(failures());
    expect(await handler({ Records: [sqs("b")] })).toEqual(failures("m-b"));
    expect(errors).toMatchObject([{ code: "ONCE_KEY_REUSED" }]);
  });

  test("after a group's first failure the rest of that group fails untried, and other groups go on", async () => {
    const { options, effects } = rules();
    const handler = onceSqs(options, ({ body }) => {
      if (body === "a2") throw new NoEffectError("not yet");
      effects.push(body);
    });
    const Records = [
      ofGroup("a1", "a"),
      ofGroup("a2", "a"),
      ofGroup("b1", "b"),
      ofGroup("a3", "a"),
      ofGroup("b2", "b"),
    ];
    expect(await handler({ Records })).toEqual(failures("m-a2", "m-a3"));
    expect(effects.toSorted()).toEqual(["a1", "b1", "b2"]);
  });

  test("groups of a queue without order do not hold each other up", async () => {
    const { options } = rules();
    const handler = onceSqs(options, ({ body }) => {
      if (body === "a") throw new NoEffectError("not yet");
    });
    const Records = ["a", "b"].map((body) => sqs(body, { attributes: { MessageGroupId: "tenant" } }));
    expect(await handler({ Records })).toEqual(failures("m-a"));
  });

  test("handles no more messages at a time than it may, and begins none when the time is short", async () => {
    const { options, effects } = rules();
    let [running, most] = [0, 0];
    let left = 3_600_000;
    const handler = onceSqs({ ...options, concurrency: 2 }, async ({ body }) => {
      most = Math.max(most, (running += 1));
      await new Promise((resolve) => setTimeout(resolve, 10));
      running -= 1;
      effects.push(body);
      if (effects.length === 4) left = 50;
    });
    const Records = Array.from({ length: 8 }, (_, index) => sqs(String(index)));
    const answer = await handler({ Records }, { getRemainingTimeInMillis: () => left });
    expect(most).toBe(2);
    expect(answer.batchItemFailures).toHaveLength(8 - effects.length);
    expect(effects.length).toBeLessThan(6);
    left = 3_600_000;
    expect(await handler({ Records }, { getRemainingTimeInMillis: () => left })).toEqual(failures());
    expect(effects.toSorted()).toEqual(Records.map(({ body }) => body));
  });
});

const kinesis = (sequenceNumber: string): KinesisRecord => ({
  eventID: `shard:${sequenceNumber}`,
  eventSourceARN: "arn:aws:kinesis:us-east-1:1:stream/orders",
  kinesis: { sequenceNumber, data: btoa(sequenceNumber) },
});

const dynamodb = (SequenceNumber: string): DynamodbRecord => ({
  eventID: `e${SequenceNumber}`,
  eventName: "INSERT",
  eventSourceARN: "arn:aws:dynamodb:us-east-1:1:table/orders/stream/1",
  dynamodb: { SequenceNumber, Keys: { id: { S: SequenceNumber } } },
});

test("a stream comes again from its first failure on, behind which nothing was tried", async () => {
  for (const make of [
    (work: (id: string) => void) => {
      const handler = onceKinesis(rules().options, ({ kinesis: { sequenceNumber } }) => work(sequenceNumber));
      return (ids: readonly string[]) => handler({ Records: ids.map(kinesis) });
    },
    (work: (id: string) => void) => {
      const handler = onceDynamodbStream(rules().options, ({ dynamodb: stream }) => work(stream!.SequenceNumber!));
      return (ids: readonly string[]) => handler({ Records: ids.map(dynamodb) });
    },
  ]) {
    const effects: string[] = [];
    let failing = "3";
    const handle = make((id) => {
      if (id === failing) throw new NoEffectError("not yet");
      effects.push(id);
    });
    expect(await handle(["1", "2", "3", "4", "5"])).toEqual(failures("3"));
    expect(effects).toEqual(["1", "2"]);
    failing = "";
    expect(await handle(["1", "2", "3", "4", "5"])).toEqual(failures());
    expect(effects).toEqual(["1", "2", "3", "4", "5"]);
  }
});

test("a record without a name has the whole batch come again, and not none of it", async () => {
  const { options, errors } = rules();
  const handler = onceDynamodbStream(options, () => undefined);
  expect(await handler({ Records: [{ eventName: "INSERT" }] })).toEqual(failures(""));
  expect(errors).toMatchObject([{ code: "ONCE_KEY_INVALID" }]);
});

test("events that Lambda hands over as a whole fail as a whole, and what was done is not done again", async () => {
  const { options, effects } = rules();
  let failing: readonly string[] = ["b", "c"];
  const handler = onceS3(options, ({ s3: { object } }) => {
    if (failing.includes(object.key)) throw new NoEffectError(`not ${object.key}`);
    effects.push(object.key);
  });
  const Records = ["a", "b", "c"].map((key) => ({
    eventName: "ObjectCreated:Put",
    s3: { bucket: { name: "orders" }, object: { key, sequencer: "1" } },
  }));
  await expect(handler({ Records })).rejects.toThrow("2 records failed; the first one: not b");
  failing = ["c"];
  await expect(handler({ Records })).rejects.toThrow("not c");
  failing = [];
  await handler({ Records });
  const changed = Records.map((record) => ({ ...record, s3: { ...record.s3, object: { key: "a", sequencer: "2" } } }));
  await handler({ Records: changed.slice(0, 1) });
  expect(effects).toEqual(["a", "b", "c", "a"]);
  const sns = onceSns({ ...options, scope: "sns" }, ({ Sns }) => void effects.push(Sns.Message));
  for (let times = 0; times < 2; times += 1) {
    await sns({ Records: [{ Sns: { MessageId: "1", TopicArn: "arn", Message: "hello" } }] });
  }
  expect(effects.slice(4)).toEqual(["hello"]);
});

test("a notification that its producer published twice has one effect, by its attribute id", async () => {
  const { options, effects } = rules();
  const handler = onceSns(options, ({ Sns }) => void effects.push(Sns.MessageId));
  for (const MessageId of ["first", "second"]) {
    const MessageAttributes = { id: { Type: "String", Value: "order-7" } };
    await handler({ Records: [{ Sns: { MessageId, TopicArn: "arn", Message: "hello", MessageAttributes } }] });
  }
  expect(effects).toEqual(["first"]);
});

test("changes to an object's tags have no sequencer, and are known by their request", async () => {
  const { options, effects } = rules();
  const handler = onceS3(options, ({ responseElements }) => {
    effects.push(String(responseElements?.["x-amz-request-id"]));
  });
  const tagged = (request?: string) => ({
    Records: [
      {
        eventName: "ObjectTagging:Put",
        responseElements: { "x-amz-request-id": request },
        s3: { bucket: { name: "orders" }, object: { key: "a", eTag: "e" } },
      },
    ],
  });
  for (const request of ["1", "2", "1"]) await handler(tagged(request));
  expect(effects).toEqual(["1", "2"]);
  await expect(handler(tagged())).rejects.toMatchObject({ code: "ONCE_KEY_INVALID" });
});

test("a function that is wrapped for streaming does nothing, and its error says why", async () => {
  const { options, effects } = rules();
  const work = (): Response => {
    effects.push("done");
    return new Response("ok");
  };
  const stream = { write: () => true, end: () => undefined } as never;
  const refused = { code: "ONCE_OPTION_INVALID", message: expect.stringContaining("streamifyResponse") as string };
  const any = onceLambda({ ...options, scope: "any", key: () => "7" }, work);
  await expect(any({}, stream)).rejects.toMatchObject(refused);
  const batch = onceSqs({ ...options, scope: "batch" }, work);
  await expect(batch({ Records: [sqs("a")] }, stream)).rejects.toMatchObject(refused);
  const route = onceLambdaHttp({ ...options, scope: "public" }, work);
  for (const method of ["GET", "POST"]) {
    const event = { rawPath: "/", requestContext: { http: { method } }, headers: { "idempotency-key": "7" } };
    await expect(route(event, stream)).rejects.toMatchObject(refused);
  }
  expect(effects).toEqual([]);
});

test("an event of EventBridge is known by its id, also when an archive replays it", async () => {
  const { options } = rules();
  let runs = 0;
  const handler = onceEventBridge(options, ({ detail }) => ({ detail, run: (runs += 1) }));
  const event = { id: "e-1", source: "shop", "detail-type": "order", detail: { id: 7 }, time: "2026-01-01" };
  const replayed = { ...event, "replay-name": "again" };
  expect([await handler(event), await handler(replayed)]).toEqual([
    { detail: { id: 7 }, run: 1 },
    { detail: { id: 7 }, run: 1 },
  ]);
  expect(await handler({ ...event, id: "e-2" })).toMatchObject({ run: 2 });
});

test("any event runs once by the key that its user names, and returns what it returned first", async () => {
  const { options } = rules();
  let runs = 0;
  const handler = onceLambda({ ...options, key: (event: { id: string }) => event.id }, async ({ id }, { key }) => ({
    id,
    key,
    run: (runs += 1),
  }));
  expect([await handler({ id: "7" }), await handler({ id: "7" })]).toEqual([
    { id: "7", key: "7", run: 1 },
    { id: "7", key: "7", run: 1 },
  ]);
  expect(handler.length, "Lambda refuses a function that takes a callback").toBeLessThan(3);
});

test("an error of ours is named after its code, by which Step Functions catch it, and others have their own name", async () => {
  const { options } = rules();
  const handler = onceLambda({ ...options, key: (event: { id: string; n: number }) => event.id }, ({ n }) => {
    if (n === 0) throw new RangeError("none");
    return n;
  });
  await handler({ id: "7", n: 1 });
  const reused = { name: "ONCE_KEY_REUSED", code: "ONCE_KEY_REUSED" };
  await expect(handler({ id: "7", n: 2 })).rejects.toMatchObject(reused);
  await expect(handler({ id: "8", n: 0 })).rejects.toMatchObject({ name: "RangeError" });
  const batch = onceSqs({ ...options, scope: "sqs" }, () => undefined);
  await expect(batch({} as never)).rejects.toMatchObject({ name: "ONCE_OPTION_INVALID" });
});

test("with less than 100 ms left nothing is begun or claimed, and all of it comes again", async () => {
  const { options, errors, effects } = rules();
  const late = { getRemainingTimeInMillis: () => 99 };
  const queue = onceSqs({ ...options, scope: "sqs" }, ({ body }) => void effects.push(body));
  expect(await queue({ Records: ["a", "b"].map((body) => sqs(body)) }, late)).toEqual(failures("m-a", "m-b"));
  const stream = onceKinesis({ ...options, scope: "kinesis" }, () => void effects.push("kinesis"));
  expect(await stream({ Records: [kinesis("1"), kinesis("2")] }, late)).toEqual(failures("1"));
  const topic = onceSns({ ...options, scope: "sns" }, () => void effects.push("sns"));
  const notification = { Sns: { MessageId: "1", TopicArn: "arn", Message: "hello" } };
  await expect(topic({ Records: [notification] }, late)).rejects.toThrow("no time left to begin it");
  const any = onceLambda({ ...options, scope: "any", key: () => "7" }, () => void effects.push("any"));
  await expect(any({}, late)).rejects.toMatchObject({ name: "ONCE_CLOSED" });
  expect([effects, errors, await options.store.list({})]).toEqual([[], [], []]);
});

test("an event of another source begins nothing, and its error says what the record lacks", async () => {
  const { options, effects } = rules();
  const work = (): void => void effects.push("done");
  const s3 = { eventName: "ObjectCreated:Put", s3: { bucket: { name: "b" }, object: { key: "k", sequencer: "1" } } };
  const ofSource = {
    onceSqs: { make: onceSqs, record: sqs("a") },
    onceSns: { make: onceSns, record: { Sns: { MessageId: "1", TopicArn: "arn", Message: "hello" } } },
    onceS3: { make: onceS3, record: s3 },
    onceKinesis: { make: onceKinesis, record: kinesis("1") },
    onceDynamodbStream: { make: onceDynamodbStream, record: dynamodb("1") },
  };
  for (const [scope, { make, record }] of Object.entries(ofSource)) {
    const handler = (make as typeof onceSqs)({ ...options, scope }, work) as unknown as (
      event: object,
    ) => Promise<void>;
    const refusals = [null, 7, "a", {}, { ...record, body: null, Sns: null, s3: null, eventID: 7, eventName: 7 }];
    for (const odd of refusals) {
      const refused = handler({ Records: [record, odd] });
      await expect(refused).rejects.toMatchObject({
        code: "ONCE_OPTION_INVALID",
        message: expect.stringMatching(
          new RegExp(`^event\\.Records\\[1\\] lacks \\w+, which each record has that ${scope} takes`),
        ) as string,
      });
    }
  }
  const bridge = onceEventBridge({ ...options, scope: "bridge" }, work);
  await expect(bridge(null as never)).rejects.toMatchObject({ code: "ONCE_OPTION_INVALID" });
  const named = onceEventBridge({ ...options, scope: "named", key: () => "7" }, work);
  await expect(named(undefined as never)).rejects.toMatchObject({ code: "ONCE_OPTION_INVALID" });
  expect([effects, await options.store.list({})]).toEqual([[], []]);
});

test("what is no batch, and options that make no sense, are refused", async () => {
  const { options } = rules();
  const handler = onceSqs(options, () => undefined);
  for (const event of [{}, null, { Records: "a" }]) {
    await expect(handler(event as never)).rejects.toMatchObject({ code: "ONCE_OPTION_INVALID" });
  }
  const refused = expect.objectContaining({ code: "ONCE_OPTION_INVALID" }) as unknown;
  for (const make of [
    () => onceSqs({ ...options, scope: "a", concurrency: 0 }, () => undefined),
    () => onceSqs({ ...options, scope: "b", key: "id" as never }, () => undefined),
    () => onceSqs({ ...options, scope: "c", retries: 3 } as never, () => undefined),
    () => onceSqs({ ...options, scope: "d" }, undefined as never),
    () => onceSqs(undefined as never, () => undefined),
    () => onceLambdaHttp({ ...options, scope: "public" }, undefined as never),
  ]) {
    expect(make).toThrow(refused);
  }
});

test("errors name the function that was called, and its own options", () => {
  const { options } = rules();
  expect(() => onceSqs({ ...options, scope: "a", concurency: 3 } as never, () => undefined)).toThrow(
    'onceSqs has no option "concurency". Did you mean concurrency?',
  );
  expect(() => onceKinesis({ ...options, scope: "b" }, {} as never)).toThrow("handler must be a function");
  expect(() => onceLambda({ ...options, scope: "c", key: () => "k", retries: 3 } as never, () => 1)).toThrow(
    'onceLambda has no option "retries"',
  );
});
