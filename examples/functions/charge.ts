import { onceFunction } from "once-again/function";
import { sqliteStore } from "once-again/stores/sqlite";

interface Order {
  readonly id: string;
  readonly amount: number;
}

const path = process.env["ORDERS_DB"] ?? "orders.db";
const store = sqliteStore({ path });

// Stands for a call of another company's API. The key goes along, where the provider takes one.
let charges = 0;
const provider = {
  charge: async ({ amount }: Order, _options: { idempotencyKey: string; signal: AbortSignal }) => {
    charges += 1;
    return { receipt: `receipt ${charges}`, amount };
  },
};

const charge = onceFunction(
  { store, scope: "charge", key: (order: Order) => order.id },
  async ({ key, signal }, order) => provider.charge(order, { idempotencyKey: key, signal }),
);

const order = { id: "order-7", amount: 700 };
console.log(await charge(order));
console.log(await charge(order));
console.log("charges:", charges);
await store.close();
