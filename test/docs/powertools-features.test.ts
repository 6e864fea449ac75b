import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import type { ServerEvent } from "../../packages/once-again/src/engine/index.ts";
import {
  onceDurable,
  onceEventBridge,
  onceKinesis,
  onceLambda,
  onceLambdaHttp,
  onceS3,
  onceSns,
  onceSqs,
} from "../../packages/once-again/src/frameworks/lambda/index.ts";
import { onceFunction } from "../../packages/once-again/src/function/index.ts";
import { memoryStore } from "../../packages/once-again/src/stores/memory/index.ts";
import { storeKits } from "../../packages/once-again/src/stores/kits.ts";
import type { Store } from "../../packages/once-again/src/stores/store.ts";
import { fakeClock } from "../../packages/testing/src/fake-clock.ts";
import { storeContract } from "../../packages/testing/src/store-contract/store-contract.ts";

// Each row of the table of Powertools' features in docs/guides/aws-lambda.md has a program here: it does what the row says.

interface Order {
  readonly id: string;
  readonly amount: number;
  readonly seenAt?: number;
}

/** A charge for each run; `options` are those of a function on a store in memory. */
function charges() {
  const made: Order[] = [];
  const options = { store: memoryStore(), scope: "charge", onError: () => undefined };
  const charge = (order: Order): { receipt: number } => ({ receipt: made.push(order) });
  return { made, options, web: { ...options, scope: "public" as const }, charge, key: ({ id }: Order) => id };
}

const order: Order = { id: "order-7", amount: 700 };

/** The code of the error that a call ends with. */
const codeOf = (call: () => Promise<unknown>): Promise<unknown> =>
  call().then(
    () => "no error",
    ({ code }: { code: unknown }) => code,
  );

const post = (headers: Record<string, string>) => ({
  version: "2.0" as const,
  rawPath: "/orders",
  rawQueryString: "",
  headers,
  requestContext: { http: { method: "POST" } },
  body: "{}",
  isBase64Encoded: false,
});

const message = (messageId: string) => ({
  messageId,
  body: messageId,
  eventSourceARN: "arn:aws:sqs:us-east-1:1:orders",
  attributes: {},
  messageAttributes: {},
});

const programs: Record<string, () => Promise<void>> = {
  async "`makeIdempotent(handler, …)`, the middleware, the decorator"() {
    const { made, options, web, charge, key } = charges();
    const handler = onceLambda({ ...options, key }, charge);
    expect(await Promise.all([handler(order), handler({ ...order, id: "order-8" })])).toHaveLength(2);
    expect(await handler(order)).toEqual({ receipt: 1 });
    expect(made).toHaveLength(2);
    const route = onceLambdaHttp(web, async () => Response.json(charge(order), { status: 201 }));
    for (const replayed of [undefined, "true"]) {
      const { headers } = (await route(post({ "idempotency-key": "k" }))) as { headers: Record<string, string> };
      expect(headers["idempotent-replayed"]).toBe(replayed);
    }
  },

  async "`makeIdempotent(fn, …)` within a handler, `dataIndexArgument`"() {
    const { made, options, charge, key } = charges();
    const fingerprint = ({ amount }: Order) => amount;
    const once = onceFunction({ ...options, key, fingerprint }, (_execution, given: Order) => charge(given));
    expect(await once({ ...order, seenAt: 1 })).toEqual(await once({ ...order, seenAt: 2 }));
    expect(made).toEqual([{ ...order, seenAt: 1 }]);
  },

  async "`BatchProcessor`, `SqsFifoPartialProcessor` around it"() {
    const { options } = charges();
    const handled: string[] = [];
    const handler = onceSqs(options, ({ body }) => {
      if (body === "bad") throw new Error("no such order");
      handled.push(body);
    });
    const batch = { Records: ["a", "bad", "c"].map(message) };
    expect(await handler(batch)).toEqual({ batchItemFailures: [{ itemIdentifier: "bad" }] });
    expect(handled).toEqual(["a", "c"]);
    expect(typeof onceKinesis({ ...options, scope: "stream" }, () => undefined)).toBe("function");
  },

  async "nothing for EventBridge, SNS and S3"() {
    const { made, options, charge } = charges();
    const handler = onceEventBridge(options, () => charge(order));
    const event = { id: "e-1", source: "shop", "detail-type": "paid", detail: {} };
    expect(await handler(event)).toEqual(await handler(event));
    expect(made).toHaveLength(1);
    expect(typeof onceSns({ ...options, scope: "notices" }, () => undefined)).toBe("function");
    expect(typeof onceS3({ ...options, scope: "objects" }, () => undefined)).toBe("function");
  },

  async "`BasePersistenceLayer`, to be extended"() {
    const own = memoryStore();
    const store: Store = { ...own, claim: async (request) => own.claim(request) };
    const { made, options, charge, key } = charges();
    const handler = onceLambda({ ...options, store, key }, charge);
    expect(await handler(order)).toEqual(await handler(order));
    expect(made).toHaveLength(1);
    expect(
      storeContract({ open: async () => ({ store, close: async () => undefined }) as never }).length,
    ).toBeGreaterThan(30);
  },

  async "`eventKeyJmesPath`: the key is a hash of a part of the event"() {
    const { made, options, charge, key } = charges();
    const handler = onceLambda({ ...options, key }, charge);
    for (const id of ["order-7", "order-8"]) await handler({ ...order, id });
    expect(made.map(({ id }) => id)).toEqual(["order-7", "order-8"]);
  },

  async "`jmesPathOptions`, `powertools_json(…)`"() {
    const { made, options, charge } = charges();
    const key = ({ body }: { body: string }): string => (JSON.parse(body) as { order: Order }).order.id;
    const handler = onceLambda({ ...options, key }, () => charge(order));
    for (let times = 0; times < 2; times += 1) await handler({ body: JSON.stringify({ order }) });
    expect(made).toHaveLength(1);
  },

  async "`payloadValidationJmesPath`"() {
    const { made, options, charge, key } = charges();
    const handler = onceLambda({ ...options, key }, charge);
    await handler(order);
    expect(await codeOf(() => handler({ ...order, amount: 1 }))).toBe("ONCE_KEY_REUSED");
    expect(made).toEqual([order]);
  },

  async "`hashFunction` (MD5)"() {
    const { options, charge, key } = charges();
    await onceLambda({ ...options, key }, charge)(order);
    const [found] = await options.store.list({});
    expect(found?.record.fingerprint).toMatch(/^[\da-f]{64}$/);
  },

  async "`keyPrefix`"() {
    const { made, options, charge, key } = charges();
    for (const scope of ["eu", "us"]) await onceLambda({ ...options, scope, key }, charge)(order);
    expect(made).toHaveLength(2);
  },

  async "`throwOnNoIdempotencyKey`"() {
    const { made, options, web, charge } = charges();
    const handler = onceLambda({ ...options, key: ({ id }: Partial<Order>) => id! }, () => charge(order));
    expect(await codeOf(() => handler({}))).toBe("ONCE_KEY_INVALID");
    const route = onceLambdaHttp({ ...web, profile: { keyRequired: true } }, async () => Response.json(charge(order)));
    expect(await route(post({}))).toMatchObject({ statusCode: 400 });
    expect(made).toEqual([]);
  },

  async "`expiresAfterSeconds` (one hour)"() {
    const clock = fakeClock(1_700_000_000_000);
    const { made, options, charge, key } = charges();
    const handler = onceLambda({ ...options, store: memoryStore({ clock }), clock, key }, charge);
    const dayMs = 86_400_000;
    for (const waitedMs of [0, dayMs - 1000, 2000]) {
      await clock.advance(waitedMs);
      await handler(order);
    }
    expect(made).toHaveLength(2);
  },

  async "`registerLambdaContext`"() {
    const { options, key } = charges();
    const handler = onceLambda({ ...options, key }, async (_order: Order, { signal }) => {
      await new Promise((resolve) => signal.addEventListener("abort", resolve));
      return "late";
    });
    const within = (leftMs: number) => ({ getRemainingTimeInMillis: () => leftMs });
    expect(await codeOf(() => handler(order, within(150)))).toBe("ONCE_HANDLER_TIMEOUT");
    const inner = onceFunction({ ...options, scope: "inner", key }, (_execution, one: Order) => one.id);
    expect(await codeOf(() => inner.within(within(50), order))).toBe("ONCE_CLOSED");
    expect(await inner.within(within(30_000), order)).toBe("order-7");
  },

  async "`responseHook`"() {
    const events: string[] = [];
    const { options, charge, key } = charges();
    const onEvent = ({ type }: ServerEvent): void => void events.push(type);
    const handler = onceLambda({ ...options, key, onEvent }, charge);
    for (let times = 0; times < 2; times += 1) await handler(order);
    expect(events).toContain("replayed");
  },

  async "`useLocalCache`, `maxLocalCacheSize`"() {
    const { options, charge, key } = charges();
    let reads = 0;
    const store: Store = { ...options.store, claim: async (request) => ((reads += 1), options.store.claim(request)) };
    const handler = onceLambda({ ...options, store, key }, charge);
    for (let times = 0; times < 3; times += 1) await handler(order);
    expect(reads).toBe(3);
  },

  async "`POWERTOOLS_IDEMPOTENCY_DISABLED`"() {
    const { made, charge } = charges();
    for (let times = 0; times < 2; times += 1) charge(order);
    expect(made).toHaveLength(2);
  },

  async "durable functions, held off for 15 minutes"() {
    const clock = fakeClock(1_700_000_000_000);
    const { made, options, charge, key } = charges();
    const handler = onceDurable(
      { ...options, store: memoryStore({ clock }), clock, key, waitMs: 0 },
      async (one: Order, { abandoned }) => {
        charge(one);
        // The first invocation is suspended.
        return made.length === 1 ? new Promise<never>(() => undefined) : { abandoned };
      },
    );
    const execution = (durableExecutionArn: string) => ({ executionContext: { durableExecutionArn } });
    void handler(order, execution("first"));
    await expect.poll(() => made.length).toBe(1);
    await clock.advance(16 * 60_000);
    expect(await codeOf(() => handler(order, execution("second")))).toBe("ONCE_IN_PROGRESS");
    expect(await handler(order, execution("first"))).toEqual({ abandoned: false });
    expect(await handler(order, execution("second"))).toEqual({ abandoned: false });
    expect(made).toHaveLength(2);
  },

  async "`IdempotencyAlreadyInProgressError`"() {
    const { web } = charges();
    const held = Promise.withResolvers<Response>();
    const route = onceLambdaHttp(web, () => held.promise);
    const first = route(post({ "idempotency-key": "k" }));
    const second = (await route(post({ "idempotency-key": "k" }))) as { statusCode: number; headers: object };
    expect(second).toMatchObject({ statusCode: 409, headers: { "retry-after": expect.any(String) } });
    held.resolve(new Response("done"));
    expect(await first).toMatchObject({ statusCode: 200 });
  },

  async "`IdempotencyValidationError`"() {
    const { web } = charges();
    const route = onceLambdaHttp(web, async () => new Response("done"));
    await route(post({ "idempotency-key": "k" }));
    const other = { ...post({ "idempotency-key": "k" }), body: '{"other":1}' };
    expect(await route(other)).toMatchObject({ statusCode: 422 });
  },
};

/** The first cell of each row. */
function rowsOfTable(): string[] {
  const guide = readFileSync("docs/guides/aws-lambda.md", "utf8");
  const [, table = ""] = guide.split("## Powertools' features");
  const rows = table.split("\n## ")[0]!.split("\n");
  return rows
    .filter((line) => line.startsWith("| "))
    .map((line) => line.split("|")[1]!.trim())
    .slice(2);
}

/** Rows that are stores, by their kits: test/stores runs the contract on each. */
const stores: Record<string, string> = {
  "`DynamoDBPersistenceLayer`": "dynamodb",
  "`CachePersistenceLayer` (Redis, Valkey)": "redis",
};

test("each row of the guide's table has its program", () => {
  expect(rowsOfTable().toSorted()).toEqual([...Object.keys(programs), ...Object.keys(stores)].sort());
  expect(storeKits.map(({ name }) => name)).toEqual(expect.arrayContaining(Object.values(stores)));
});

for (const [row, program] of Object.entries(programs)) test(row, program);
