import type { Context } from "aws-lambda";
import { onceFunction } from "once-again/function";
import { sqliteStore } from "once-again/stores/sqlite";

interface Order {
  readonly id: string;
  readonly amount: number;
}

/** Stands for a call of another company's API. */
const provider = {
  charge: async ({ amount }: Order, { idempotencyKey }: { idempotencyKey: string; signal: AbortSignal }) =>
    `${amount} charged by ${idempotencyKey}`,
};

const charge = onceFunction(
  // In the cloud, a store that all processes of the function share.
  {
    store: sqliteStore({ path: process.env["ORDERS_DB"] ?? "orders.db" }),
    scope: "charge",
    key: ({ id }: Order) => id,
  },
  async ({ key, signal }, order) => provider.charge(order, { idempotencyKey: key, signal }),
);

export async function handler(orders: readonly Order[], context: Context): Promise<string[]> {
  const receipts: string[] = [];
  for (const order of orders) receipts.push(await charge.within(context, order));
  return receipts;
}
