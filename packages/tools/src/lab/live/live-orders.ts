import type { Order } from "../orders.ts";

/** So many orders, each with another id: the given ones, and over again under other ids. */
export function takeOrders(source: readonly Order[], count: number): readonly Order[] {
  return Array.from({ length: count }, (_, index) => {
    const order = source[index % source.length]!;
    const round = Math.floor(index / source.length);
    return round === 0 ? order : { ...order, id: `${order.id}#${round + 1}` };
  });
}
