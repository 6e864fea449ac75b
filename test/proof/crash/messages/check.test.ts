import { expect, test } from "vitest";
import type { InvariantName } from "../../invariants.ts";
import { messageBreaches, type MessageHistory } from "./check.ts";

// The checker has to be able to say no: each history here is the sound one, to which one thing was done.

const order = (
  id: string,
  topic: "orders.placed" | "parcels.moved",
  orderingKey: string | null,
  number: number | null,
) => ({
  id,
  topic,
  orderingKey,
  number,
});
const ids = ["a", "k1", "k2", "p1", "p2"];
const effects = ids.map((message) => ({ message, life: "consumer-1.1" }));
const sound: MessageHistory = {
  orders: [
    order("a", "orders.placed", null, null),
    order("k2", "orders.placed", "order-1", 2),
    order("k1", "orders.placed", "order-1", 1),
    order("p1", "parcels.moved", "parcel-1", 1),
    order("p2", "parcels.moved", "parcel-1", 2),
  ],
  // Repeats of what came before break no order.
  published: [...ids, "k1", "p1"],
  effects,
  left: { "messages in the outbox": 0, "dead letters": 0 },
  deliversInOrder: true,
};
const swapped = <Item>(items: readonly Item[], one: number, other: number): Item[] =>
  items.with(one, items[other]!).with(other, items[one]!);

test("a sound history breaks nothing", async () => {
  expect(await messageBreaches(sound)).toEqual([]);
});

test("effects of messages that are consumed side by side have no order", async () => {
  expect(await messageBreaches({ ...sound, effects: swapped(effects, 1, 2) })).toEqual([]);
  const unordered = { ...sound, effects: swapped(effects, 3, 4), deliversInOrder: false };
  expect(await messageBreaches(unordered)).toEqual([]);
});

test.for<[InvariantName, string | undefined, Partial<MessageHistory>]>([
  ["every-commit-is-published", "a", { published: ids.slice(1) }],
  ["acknowledged-is-settled", "k2", { effects: effects.filter(({ message }) => message !== "k2") }],
  ["one-effect", "a", { effects: [...effects, { message: "a", life: "consumer-2.1" }] }],
  ["only-commits-are-published", "ghost", { published: [...ids, "ghost"] }],
  ["only-commits-are-published", "ghost", { effects: [...effects, { message: "ghost", life: "consumer-2.1" }] }],
  ["commit-order", "k1", { published: swapped(ids, 1, 2) }],
  ["commit-order", "p1", { effects: swapped(effects, 3, 4) }],
  ["every-message-ends", undefined, { left: { ...sound.left, "dead letters": 1 } }],
])("%s is broken by %s", async ([invariant, message, change]) => {
  const broken = await messageBreaches({ ...sound, ...change });
  expect(broken).toMatchObject([{ invariant, message }]);
});
