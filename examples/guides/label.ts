import { onceWeb } from "once-again/web";
import { heldError } from "once-again/engine";
import { sqliteStore } from "once-again/stores/sqlite";

const orders = onceWeb(
  {
    store: sqliteStore({ path: process.env["KEYS_DB"] ?? "keys.db" }),
    scope: "public",
    onUnknown: {
      action: "hold",
      // For the person who has to settle a held key: what to look for at the bank.
      label: ({ body }) => {
        const { order, amount } = JSON.parse(new TextDecoder().decode(body)) as { order: number; amount: string };
        return `order ${order}, ${amount} EUR`;
      },
    },
  },
  async () => {
    throw heldError("The bank broke off.");
  },
);

const response = await orders(
  new Request("http://shop.example/orders", {
    method: "POST",
    headers: { "idempotency-key": "order-1", "content-type": "application/json" },
    body: JSON.stringify({ order: 4711, amount: "25.00" }),
  }),
);
console.log(response.status);
