import { openRelay, publishToHttp, signWebhooks } from "once-again/outbox";
import { sqliteOutbox } from "once-again/stores/sqlite";

/** Where a customer wants webhooks, and the secrets of that endpoint: two of them while one is rotated. */
export interface Endpoint {
  readonly url: string;
  readonly secrets: readonly string[];
}
export const endpoints = new Map<string, Endpoint>();

export const outbox = sqliteOutbox({ path: process.env["SHOP_DB"] ?? "shop.db" });

// Each message is for one endpoint, which its topic names: outbox.add(transaction, { topic: "acme", orderingKey: "acme", body })
export const relay = openRelay({
  outbox,
  publish: publishToHttp({
    url: ({ topic }) => endpoints.get(topic)!.url,
    headers: signWebhooks(({ topic }) => endpoints.get(topic)!.secrets),
  }),
  // An endpoint that is gone for good (410), or refuses too often.
  onEvent: (event) => event.type === "parked" && endpoints.delete(event.topic),
});
