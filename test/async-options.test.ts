import { expect, onTestFinished, test } from "vitest";
import { onceTools } from "../packages/once-again/src/agents/once-tools.ts";
import { openRun } from "../packages/once-again/src/agents/open-run.ts";
import type { RunOptions } from "../packages/once-again/src/agents/run-options.ts";
import type { RetryingFetchOptions } from "../packages/once-again/src/client/fetch-options.ts";
import { retryingFetch } from "../packages/once-again/src/client/index.ts";
import { onceFunction } from "../packages/once-again/src/function/index.ts";
import { makeKey } from "../packages/once-again/src/key/index.ts";
import {
  type Publish,
  publishToEventBridge,
  publishToJetstream,
  publishToKafka,
  publishToRabbitmq,
  publishToRedisStreams,
  publishToSns,
  publishToSqs,
} from "../packages/once-again/src/messaging/outbox/index.ts";
import { retry } from "../packages/once-again/src/retry/index.ts";
import type { RetryOptions } from "../packages/once-again/src/retry/retry-options.ts";
import { adaptiveThrottle, circuitBreaker, hedge } from "../packages/once-again/src/retry/layers/index.ts";
import type { AnyLayer } from "../packages/once-again/src/retry/layer.ts";
import { memoryStore } from "../packages/once-again/src/stores/memory/index.ts";
import type { OutboxMessage } from "../packages/once-again/src/stores/outbox-store.ts";

/** A function that is async by habit. Its promise rejects: a rejection that is not handled fails the test. */
const lazy = (async () => {
  throw new Error("is not read");
}) as never;

const layered =
  (layer: () => AnyLayer, attempts = 1) =>
  async (): Promise<void> => {
    const call = layer()(async () => "fine");
    for (let number = 1; number <= attempts; number += 1) {
      await call({ number, remainingMs: undefined, signal: new AbortController().signal });
    }
  };

const retried = (options: RetryOptions<unknown>) => () =>
  retry(() => Promise.reject(new Error("fault")), { backoff: () => 0, ...options });

const fetched = (options: RetryingFetchOptions) => () =>
  retryingFetch({
    fetch: async () => new Response(null, { status: 503, headers: { "Retry-After": "0" } }),
    ...options,
  })("http://shop.example", { method: "POST", body: "tea" });

const message: OutboxMessage = {
  id: "m-1",
  topic: "orders",
  orderingKey: undefined,
  headers: {},
  body: new TextEncoder().encode("{}"),
  addedAt: 0,
};
const confirms = async (): Promise<never> => ({}) as never;
const published = (publish: () => Publish) => async () => publish()(message, { signal: new AbortController().signal });
const channel = { publish: confirms, on: confirms, close: confirms };

const called = (rules: Partial<RunOptions>) => async () => {
  const run = openRun({ store: memoryStore(), run: "run-1", onError: () => undefined, ...rules });
  onTestFinished(() => run.close());
  await onceTools(run, { order: async () => "ordered" }).order({ item: "tea" });
};

test.each<[string, () => unknown]>([
  ["isFailure of a circuit breaker", layered(() => circuitBreaker({ isFailure: lazy }))],
  ["isFailure of a throttle", layered(() => adaptiveThrottle({ isFailure: lazy }))],
  ["isFailure of a hedge", layered(() => hedge({ delayMs: 60_000, isFailure: lazy }))],
  ["random of a throttle", layered(() => adaptiveThrottle({ random: lazy }))],
  ["tryTake of a retry budget", retried({ budget: { tryTake: lazy, onSuccess: () => undefined } })],
  ["decide", retried({ decide: lazy })],
  ["backoff", retried({ backoff: lazy })],
  ["random", retried({ backoff: undefined, random: lazy })],
  ["keys", fetched({ keys: lazy })],
  ["trustRetryAfter", fetched({ trustRetryAfter: lazy })],
  ["layers", fetched({ layers: lazy })],
  ["random of a key", () => makeKey({ random: lazy })],
  ["stream", published(() => publishToRedisStreams({ xadd: confirms }, { stream: lazy }))],
  ["topic", published(() => publishToKafka({ send: confirms }, { topic: lazy }))],
  [
    "routingKey",
    published(() =>
      publishToRabbitmq({ createConfirmChannel: async () => channel as never }, { exchange: "", routingKey: lazy }),
    ),
  ],
  [
    "subject",
    published(() => publishToJetstream({ publish: confirms }, { headers: () => new Headers(), subject: lazy })),
  ],
  [
    "messageId",
    published(() => publishToJetstream({ publish: confirms }, { headers: () => new Headers(), messageId: lazy })),
  ],
  ["queueUrl", published(() => publishToSqs({ sendMessageBatch: confirms }, { queueUrl: lazy }))],
  ["topicArn", published(() => publishToSns({ publishBatch: confirms }, { topicArn: lazy }))],
  ["detail", published(() => publishToEventBridge({ putEvents: confirms }, { source: "shop", detail: lazy }))],
  ["step of a run", called({ step: lazy })],
  ["history of a run", called({ history: lazy })],
  ["verbatim of a run", called({ verbatim: lazy })],
  ["keyed of a run", called({ keyed: lazy })],
])("an async %s is refused with its name, and its promise ends no process", async (option, use) => {
  const [name] = option.split(" ") as [string];
  await expect((async () => use())()).rejects.toMatchObject({
    code: "ONCE_OPTION_INVALID",
    message: expect.stringMatching(new RegExp(String.raw`\b${name}\b.*a promise`)) as string,
  });
});

test("an async decode of refusals is an error of the record, with its reason, and no promise is thrown", async () => {
  const store = memoryStore();
  const fault = new Error("no stock");
  const refusals = { encode: () => "no stock", decode: lazy };
  const order = onceFunction({ store, scope: "order", key: () => "k-1", refusals }, async () => {
    throw fault;
  });
  onTestFinished(() => order.close());
  await expect(order()).rejects.toBe(fault);
  await expect(order()).rejects.toMatchObject({
    code: "ONCE_RECORD_BROKEN",
    cause: { code: "ONCE_OPTION_INVALID", details: { option: "refusals.decode" } },
  });
});
