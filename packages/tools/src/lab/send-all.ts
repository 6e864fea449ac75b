import type { Order } from "./orders.ts";
import type { OrderOutcome, SendOrder } from "./send-order.ts";

/** How many of a caller's orders ended how. */
export type Outcomes = Readonly<Record<OrderOutcome, number>>;

/** The parts that send all orders. */
export interface SendAll {
  readonly orders: readonly Order[];
  /** How many are on the way at a time. */
  readonly concurrency: number;
  readonly send: SendOrder;
  readonly signal: AbortSignal;
  /** Called after each order. */
  readonly onSettled: (order: Order, outcome: OrderOutcome) => void;
}

/**
 * Sends all orders, in their order.
 *
 * @throws the signal's reason when it aborts.
 */
export async function sendAll({ orders, concurrency, send, signal, onSettled }: SendAll): Promise<Outcomes> {
  const outcomes = { confirmed: 0, replayed: 0, unconfirmed: 0 };
  const queue = orders.values();
  const work = async (): Promise<void> => {
    for (const order of queue) {
      const outcome = await send(order, signal);
      outcomes[outcome] += 1;
      onSettled(order, outcome);
    }
  };
  await Promise.all(Array.from({ length: concurrency }, work));
  return outcomes;
}
