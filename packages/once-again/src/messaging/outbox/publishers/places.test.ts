import { describe, expect, onTestFinished, test } from "vitest";
import { dryPublishers } from "../../../../../../test/support/outbox/dry-publishers.ts";
import { memoryOutbox } from "../../../../../../test/support/outbox/memory-outbox.ts";
import type { OutboxMessage } from "../../../stores/outbox-store.ts";
import * as outbox from "../index.ts";

const message: OutboxMessage = {
  id: "m-1",
  topic: "orders",
  orderingKey: undefined,
  headers: {},
  body: new TextEncoder().encode("{}"),
  addedAt: 0,
};
const { signal } = new AbortController();

test("every publisher of the package is asked", () => {
  const names = Object.keys(outbox).filter((name) => name.startsWith("publishTo"));
  expect(Object.keys(dryPublishers).toSorted()).toEqual(names.toSorted());
});

test.for(Object.entries(dryPublishers))("%s says the place that a message goes to", async ([, { make }]) => {
  const places: string[] = [];
  const publish = make(({ place }) => places.push(place));
  await publish(message, { signal });
  expect(places).toEqual([publish.place!(message)]);
});

const routed = Object.entries(dryPublishers).flatMap(([name, { makeRouted }]) =>
  makeRouted === undefined ? [] : [{ name, makeRouted }],
);

describe.for(routed)("$name", ({ makeRouted }) => {
  test("says the place of each message, where an option names it", async () => {
    const places: string[] = [];
    // A name that each broker takes: for a server it is an origin.
    const publish = makeRouted(
      ({ place }) => places.push(place),
      ({ topic }) => `https://${topic}.test`,
    );
    const messages = ["a", "b"].map((topic) => ({ ...message, topic }));
    for (const one of messages) await publish(one, { signal });
    expect(places).toEqual(messages.map((one) => publish.place!(one)));
    expect(new Set(places).size).toBe(2);
  });

  test("has the relay name the topic where its option throws", async () => {
    const publish = makeRouted(
      () => undefined,
      () => {
        throw new Error("no route");
      },
    );
    const { outbox: source, begin } = memoryOutbox();
    const { transaction, commit } = await begin();
    await source.add(transaction, { id: "m-1", topic: "orders", body: "{}" });
    await commit();
    const { promise: refused, resolve } = Promise.withResolvers<outbox.RelayEvent>();
    const relay = outbox.openRelay({ outbox: source, publish, onError: () => undefined, onEvent: resolve });
    onTestFinished(() => relay.close());
    expect(await refused).toMatchObject({ type: "refused", id: "m-1", place: "orders" });
  });
});
