import { describe, expect, test } from "vitest";
import { dryPublishers, type SentMessage } from "../../../../../../test/support/outbox/dry-publishers.ts";
import type { OutboxMessage } from "../../../stores/outbox-store.ts";
import { messageHeaders } from "./message-headers.ts";

const forged = [
  ["Idempotency-Key", "evil"],
  ["idempotency-key", "evil too"],
  ["ID", "evil"],
  ["TOPIC", "evil"],
  ["Ordering-Key", "evil"],
  ["Webhook-Id", "evil"],
  ["WEBHOOK-SIGNATURE", "v1,evil"],
  ["X-Trace", "first"],
  ["x-trace", "last"],
] as const;

// As a row can have them that another program wrote: `outbox.add` takes lower case alone.
const message: OutboxMessage = {
  id: "m-1",
  topic: "orders",
  orderingKey: undefined,
  headers: Object.fromEntries(forged),
  body: new TextEncoder().encode("{}"),
  addedAt: 0,
};
const { signal } = new AbortController();

/** The headers that are the publisher's own, by publisher; those of the others are elsewhere in the message. */
const own: Readonly<Record<string, object>> = {
  publishToHttp: { "idempotency-key": "m-1", topic: "orders", "webhook-id": "m-1" },
  publishToJetstream: { topic: "orders" },
  publishToKafka: { id: "m-1" },
};
const withoutOrderingKey: readonly string[] = ["publishToHttp", "publishToJetstream", "publishToRabbitmq"];

describe.for(Object.keys(dryPublishers))("a message that goes out by %s", (name) => {
  test("has each of its headers once, in lower case, and those of the publisher are its own", async () => {
    let headers: SentMessage["headers"] = [];
    await dryPublishers[name]!.make((sent) => (headers = sent.headers))(message, { signal });
    const names = headers.map(([header]) => header);
    expect(names).toEqual(names.map((header) => header.toLowerCase()));
    expect(new Set(names).size).toBe(names.length);
    const byName = Object.fromEntries(headers);
    expect(byName["x-trace"]).toBe("last");
    expect(byName).toMatchObject(own[name] ?? {});
    if (withoutOrderingKey.includes(name)) expect(names).not.toContain("ordering-key");
    if (name === "publishToHttp") expect(byName["webhook-signature"]).not.toContain("evil");
  });
});

test("a later list of headers wins in whatever case, and undefined takes a name away", () => {
  expect(messageHeaders({ "X-A": "1", b: "2", __proto__x: "3" }, { "x-a": "4", B: undefined })).toEqual({
    "x-a": "4",
    __proto__x: "3",
  });
});
