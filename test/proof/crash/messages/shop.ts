import type { PlaceTopic } from "./places.ts";

/** The names of the shop, which adds messages, and of its consumers. */

/** A message's topic, by which consumers get it. */
export type Topic = "orders.placed" | "parcels.moved" | PlaceTopic;

/** Who consumes a topic, and whether its messages have to have their effects in order: then one at a time. */
export const consumers = {
  billing: { topic: "orders.placed", isOrdered: false, keys: keysOf("order", 24) },
  shipping: { topic: "parcels.moved", isOrdered: true, keys: keysOf("parcel", 8) },
} as const satisfies Record<string, { topic: Topic; isOrdered: boolean; keys: readonly string[] }>;

export type ConsumerName = keyof typeof consumers;
export const consumerNames = Object.keys(consumers) as ConsumerName[];
export const topics: readonly Topic[] = consumerNames.map((name) => consumers[name].topic);

function keysOf(name: string, count: number): string[] {
  return Array.from({ length: count }, (_, index) => `${name}-${index + 1}`);
}

/** More often than any message is delivered here; the default of both is about ten, after which it is a dead letter. */
export const deliveriesMax = 1000;
