import type { InvariantName } from "../../invariants.ts";
import type { Effect, Order } from "./tables.ts";
import { consumers, type Topic } from "./shop.ts";

/** The history, when everything is quiet again. */
export interface MessageHistory {
  /** The committed messages. */
  readonly orders: readonly Order[];
  /** Ids, as the broker has or had them, in its order; repeats included. */
  readonly published: readonly string[];
  /** In the order in which they were written. */
  readonly effects: readonly Effect[];
  /** The messages that are left in places where none may be. */
  readonly left: Readonly<Record<string, number>>;
  /** Whether the broker keeps the order of deliveries when a consumer dies. */
  readonly deliversInOrder: boolean;
}

/** An invariant that a run broke, and the message in which that shows, if in one. */
export interface MessageBreach {
  readonly invariant: InvariantName;
  readonly message: string | undefined;
  /** A message of the same ordering key that it has to do with. */
  readonly other?: string;
  readonly what: string;
}

const orderedTopics: ReadonlySet<Topic> = new Set(
  Object.values(consumers).flatMap(({ isOrdered, topic }) => (isOrdered ? [topic] : [])),
);

/** Holds what is found against the invariants. */
export function messageBreaches({
  orders,
  published,
  effects,
  left,
  deliversInOrder,
}: MessageHistory): MessageBreach[] {
  const orderOf = new Map(orders.map((order) => [order.id, order]));
  const wasPublished = new Set(published);
  const effectsOf = new Map<string, number>();
  for (const { message } of effects) effectsOf.set(message, (effectsOf.get(message) ?? 0) + 1);
  const everywhere = new Set([...wasPublished, ...effectsOf.keys()]);
  const inOrder = (ids: Iterable<string>): Order[] => [...ids].flatMap((id) => orderOf.get(id) ?? []);
  const ordered = inOrder(effectsOf.keys()).filter(({ topic }) => deliversInOrder && orderedTopics.has(topic));
  const of = (invariant: InvariantName, ids: Iterable<string>, what: string): MessageBreach[] =>
    Array.from(ids, (message) => ({ invariant, message, what }));
  const ids = [...orderOf.keys()];
  return [
    ...of(
      "every-commit-is-published",
      ids.filter((id) => !wasPublished.has(id)),
      "it was committed, and never published",
    ),
    ...of(
      "acknowledged-is-settled",
      ids.filter((id) => !effectsOf.has(id)),
      "it was committed, and has no effect",
    ),
    ...of(
      "one-effect",
      ids.filter((id) => (effectsOf.get(id) ?? 0) > 1),
      "it has more than one effect",
    ),
    ...of(
      "only-commits-are-published",
      [...everywhere].filter((id) => !orderOf.has(id)),
      "it was never committed",
    ),
    // A set has each where it came first.
    ...late(inOrder(wasPublished), "it was published").map((pair): MessageBreach => ({
      invariant: "commit-order",
      ...pair,
    })),
    ...late(ordered, "it had its effect").map((pair): MessageBreach => ({ invariant: "commit-order", ...pair })),
    ...Object.entries(left).flatMap(([place, count]): MessageBreach[] =>
      count === 0 ? [] : [{ invariant: "every-message-ends", message: undefined, what: `${count} left: ${place}` }],
    ),
  ];
}

/** Those that come after one of their ordering key with a higher number, and that one. */
function late(
  orders: readonly Order[],
  did: string,
): (Required<Pick<MessageBreach, "other" | "what">> & { message: string })[] {
  const highest = new Map<string, { id: string; number: number }>();
  return orders.flatMap(({ id, orderingKey, number }) => {
    if (orderingKey === null || number === null) return [];
    const before = highest.get(orderingKey);
    if (before === undefined || number > before.number) highest.set(orderingKey, { id, number });
    if (before === undefined || number > before.number) return [];
    return [{ message: id, other: before.id, what: `${did} after ${before.id}, which committed later` }];
  });
}
