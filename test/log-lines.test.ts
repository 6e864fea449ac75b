import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { handleQueueBatch } from "../packages/once-again/src/cloudflare/handle-queue-batch.ts";
import { onceWeb } from "../packages/once-again/src/frameworks/web.ts";
import { onceFunction } from "../packages/once-again/src/function/index.ts";
import { onceSqs } from "../packages/once-again/src/frameworks/lambda/index.ts";
import { openToolCalls } from "../packages/once-again/src/mcp/index.ts";
import { openInbox } from "../packages/once-again/src/messaging/inbox/index.ts";
import { memoryStore } from "../packages/once-again/src/stores/memory/index.ts";

// By default, without any `onError`: each line says when it was, which part of the library writes it, and which key or message it is about.

let lines: string[];

beforeEach(() => {
  lines = [];
  vi.spyOn(console, "error").mockImplementation((line: string) => void lines.push(line));
});

afterEach(() => {
  vi.restoreAllMocks();
});

const fault = (text: string): never => {
  throw Object.assign(new Error(text), { code: "E_TEST" });
};
const order = (key: string, query = ""): Request =>
  new Request(`https://shop.example/orders${query}`, {
    method: "POST",
    headers: { "idempotency-key": key },
    body: "{}",
  });
const body = new TextEncoder().encode("{}");

const rooms: Readonly<Record<string, [about: string, run: () => Promise<unknown>]>> = {
  "a route on a store that fails": [
    "route: ONCE_STORE_UNAVAILABLE: .* [method=POST path=/orders scope=acme key=order-1]",
    async () => {
      const store = { ...memoryStore(), claim: () => fault("the store is away") };
      await onceWeb({ store, scope: () => "acme", limits: { storeMsMax: 50 } }, () => new Response())(order("order-1"));
    },
  ],
  "a route with a handler that fails": [
    "route: E_TEST: it can't be packed [scope=acme key=order-2]",
    () => onceWeb({ store: memoryStore(), scope: () => "acme" }, () => fault("it can't be packed"))(order("order-2")),
  ],
  "a route that names no caller": [
    "route: E_TEST: there is no account",
    () =>
      onceWeb({ store: memoryStore(), scope: () => fault("there is no account") }, () => new Response())(order("a")),
  ],
  "a route with another fingerprint than before": [
    "route: .*fingerprint of this route has changed.* [scope=acme key=order-3]",
    async () => {
      const common = { store: memoryStore(), scope: () => "acme" };
      await onceWeb({ ...common, fingerprint: "request" }, () => new Response())(order("order-3", "?a=1"));
      await onceWeb({ ...common, fingerprint: ["body", "request"] }, () => new Response())(order("order-3", "?a=1"));
    },
  ],
  "a function with a rule that fails": [
    "function: E_TEST: no rule for that [scope=charge key=order-4]",
    async () => {
      const options = { store: memoryStore(), scope: "charge", key: (id: string) => id };
      const charge = onceFunction({ ...options, hadNoEffect: () => fault("no rule for that") }, () =>
        fault("declined"),
      );
      await charge("order-4").catch(() => undefined);
    },
  ],
  "an inbox with work that fails": [
    "inbox: E_TEST: it can't be shipped [consumer=shipping id=order-5-placed topic=orders]",
    async () => {
      const inbox = openInbox({ store: memoryStore(), consumer: "shipping", deliveriesMax: 1, backoff: () => 1 });
      const message = { id: "order-5-placed", topic: "orders", headers: {}, body };
      await inbox.handle(message, () => fault("it can't be shipped"));
    },
  ],
  "a consumer with a dead letter that can't be sent": [
    "consumer: E_TEST: no such queue [consumer=shipping queue=orders id=m-6]",
    async () => {
      const inbox = openInbox({ store: memoryStore(), consumer: "shipping" });
      const message = {
        id: "m-6",
        timestamp: new Date(0),
        body,
        attempts: 1,
        ack: vi.fn<() => void>(),
        retry: vi.fn<() => void>(),
      };
      const deadLetters = { send: async () => fault("no such queue") };
      await handleQueueBatch(
        { queue: "orders", messages: [message] },
        { inbox, id: () => "", deadLetters },
        vi.fn<() => void>(),
      );
    },
  ],
  "records of a queue": [
    "onceSqs: E_TEST: it can't be billed [key=m-7]",
    async () => {
      const handler = onceSqs({ store: memoryStore(), scope: "billing" }, () => fault("it can't be billed"));
      const record = {
        messageId: "m-7",
        body: "{}",
        eventSource: "aws:sqs",
        eventSourceARN: "arn:aws:sqs:eu:1:q",
        attributes: {},
        messageAttributes: {},
      };
      await handler({ Records: [record] });
    },
  ],
  "a tool that fails": [
    "tool: .*E_TEST: no such account.* [tool=pay key=order-8]",
    async () => {
      const calls = openToolCalls({ store: memoryStore(), scope: "alice" });
      const context = { _meta: { "once-again/key": "order-8" } };
      await calls.call({ name: "pay", keyArgument: "key" }, { key: "order-8" }, context as never, () =>
        fault("no such account"),
      );
    },
  ],
};

test.each(Object.entries(rooms))("%s: the line has time, room and names", async (_, [about, run]) => {
  await run();
  const pattern = about.replaceAll(/[[\]]/g, String.raw`\$&`);
  expect(lines.join("\n")).toMatch(new RegExp(String.raw`^20\d\d-\d\d-\d\dT[\d:.]+Z once-again ${pattern}$`, "m"));
});
