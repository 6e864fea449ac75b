import {
  type Anomaly,
  type HistoryFile,
  type HistoryLine,
  judgeLines,
} from "../../../../packages/tools/src/judge/index.ts";
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

/**
 * Holds what is found against the invariants. Publishing is one history for `once-again judge`, in which what was committed is the
 * effect, and consuming another. What is left in places is in neither.
 *
 * @param to The history of consuming is added to it.
 */
export async function messageBreaches(history: MessageHistory, to?: HistoryFile): Promise<MessageBreach[]> {
  const { orders, published, effects, left, deliversInOrder } = history;
  const orderOf = new Map(orders.map((order) => [order.id, order]));
  const placeOf = (id: string): Place => orderOf.get(id) ?? { orderingKey: null, number: null };
  const isOrdered = (id: string): boolean => {
    const topic = orderOf.get(id)?.topic;
    return deliversInOrder && topic !== undefined && orderedTopics.has(topic);
  };
  // A broker may have a message again. A set has each where it came first.
  const publishes = Array.from(new Set(published), (id) => ({ id, ...placeOf(id) }));
  const consumed = effects.map(({ message: id }) => ({ id, ...(isOrdered(id) ? placeOf(id) : placeless) }));
  const breachOf =
    (lost: InvariantName, did: string) =>
    ({ rule, key, what, lines }: Anomaly): MessageBreach => {
      if (rule === "order-per-key")
        return { invariant: "commit-order", message: key, other: keyIn(lines[0]), what: `${did}: ${what}` };
      if (rule === "one-effect") return { invariant: rule, message: key, what };
      if (rule !== "no-lost-effect") throw new Error(what);
      const invariant = orderOf.has(key) ? lost : "only-commits-are-published";
      return { invariant, message: key, what: `${did}: ${what}` };
    };
  return [
    ...(await judgeLines(linesOf(orders, publishes))).map(breachOf("every-commit-is-published", "published")),
    ...(await judgeLines(linesOf(orders, consumed), to)).map(breachOf("acknowledged-is-settled", "handled")),
    ...Object.entries(left).flatMap(([place, count]): MessageBreach[] =>
      count === 0 ? [] : [{ invariant: "every-message-ends", message: undefined, what: `${count} left: ${place}` }],
    ),
  ];
}

type Place = Pick<Order, "orderingKey" | "number">;
const placeless: Place = { orderingKey: null, number: null };

/** The promise of each commit, and the events, in their order. */
function* linesOf(
  orders: readonly Order[],
  happened: readonly (Place & { readonly id: string })[],
): Generator<HistoryLine> {
  for (const { id } of orders) {
    yield { type: "invoke", key: id };
    yield { type: "ok", key: id, effects: [id] };
  }
  for (const { id, orderingKey, number } of happened) {
    const place = orderingKey === null || number === null ? {} : { group: orderingKey, position: number };
    yield { type: "effect", key: id, effect: id, ...place };
  }
}

const keyIn = (line: Anomaly["lines"][number] | undefined): string => (JSON.parse(line!.text) as HistoryLine).key;
