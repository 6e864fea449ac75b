import { createHmac } from "node:crypto";
import Stripe from "stripe";
import { Webhook } from "standardwebhooks";
import {
  githubWebhooks,
  type Sender,
  shopifyWebhooks,
  slackWebhooks,
  standardWebhooks,
  stripeWebhooks,
} from "../../packages/once-again/src/messaging/webhooks/index.ts";
import type { Store } from "../../packages/once-again/src/stores/store.ts";

/** A webhook as it is sent. */
export interface SentWebhook {
  readonly headers: Record<string, string>;
  readonly body: string;
}

/** One sender, as its receiver knows it, and how it signs. */
export interface SenderFixture {
  readonly name: string;
  /** Knows webhooks that are signed with these secrets. */
  sender(...secrets: string[]): Sender;
  readonly secrets: readonly [string, string];
  sign(event: { id: string; text: string; secret: string; atMs: number }): SentWebhook;
  /** Whether it signs a time, so that a webhook can be stale. */
  readonly signsTime: boolean;
  /** The header that has its id, where a header has it. */
  readonly idHeader?: string;
}

const hmac = (secret: string, content: string) => createHmac("sha256", secret).update(content);
const seconds = (ms: number): number => Math.floor(ms / 1000);
const stripe = new Stripe("sk_test_none");

function standardFixture(name: string, prefix: string): SenderFixture {
  return {
    name,
    sender: (...secrets) => standardWebhooks(secrets.map((secret) => new Webhook(secret))),
    secrets: [`whsec_${btoa("the first secret, of 32 bytes !!")}`, `whsec_${btoa("another secret, of 32 bytes too!")}`],
    sign({ id, text, secret, atMs }) {
      const body = JSON.stringify({ type: "order.paid", timestamp: "2026-11-26T08:00:00Z", data: { text } });
      const signature = new Webhook(secret).sign(id, new Date(atMs), body);
      return {
        headers: {
          [`${prefix}-id`]: id,
          [`${prefix}-timestamp`]: `${seconds(atMs)}`,
          [`${prefix}-signature`]: signature,
        },
        body,
      };
    },
    signsTime: true,
    idHeader: `${prefix}-id`,
  };
}

/** Every sender that we know. */
export const senders: readonly SenderFixture[] = [
  standardFixture("Standard Webhooks", "webhook"),
  standardFixture("Svix", "svix"),
  {
    name: "Stripe",
    sender: (...secrets) => stripeWebhooks(stripe, secrets),
    secrets: ["whsec_first", "whsec_second"],
    sign({ id, text, secret, atMs }) {
      const body = JSON.stringify({ id, object: "event", created: 1_795_680_000, data: { object: { text } } });
      const header = stripe.webhooks.generateTestHeaderString({ payload: body, secret, timestamp: seconds(atMs) });
      return { headers: { "stripe-signature": header }, body };
    },
    signsTime: true,
  },
  {
    name: "GitHub",
    sender: (...secrets) => githubWebhooks(secrets),
    secrets: ["first", "second"],
    sign({ id, text, secret }) {
      const body = JSON.stringify({ action: "opened", id, text });
      const signature = `sha256=${hmac(secret, body).digest("hex")}`;
      return { headers: { "x-hub-signature-256": signature, "x-github-delivery": id }, body };
    },
    signsTime: false,
    idHeader: "x-github-delivery",
  },
  {
    name: "Shopify",
    sender: (...secrets) => shopifyWebhooks(secrets),
    secrets: ["first", "second"],
    sign({ id, text, secret }) {
      const body = JSON.stringify({ id, text });
      const signature = hmac(secret, body).digest("base64");
      return { headers: { "x-shopify-hmac-sha256": signature, "x-shopify-webhook-id": id }, body };
    },
    signsTime: false,
    idHeader: "x-shopify-webhook-id",
  },
  {
    name: "Slack",
    sender: (...secrets) => slackWebhooks(secrets),
    secrets: ["first", "second"],
    sign({ id, text, secret, atMs }) {
      const body = JSON.stringify({ type: "event_callback", event_id: id, event_time: 1_795_680_000, event: { text } });
      const signature = `v0=${hmac(secret, `v0:${seconds(atMs)}:${body}`).digest("hex")}`;
      return {
        headers: { "x-slack-signature": signature, "x-slack-request-timestamp": `${seconds(atMs)}` },
        body,
      };
    },
    signsTime: true,
  },
];

/** A store, and how often it was asked for anything. */
export function countedStore<Any extends Store>(store: Any): { store: Any; calls: () => number } {
  let calls = 0;
  const counted = new Proxy(store, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name, target);
      if (typeof value !== "function") return value;
      return (...args: unknown[]): unknown => {
        calls += 1;
        return Reflect.apply(value, target, args);
      };
    },
  });
  return { store: counted, calls: () => calls };
}
