import type { Order } from "../../../src/lab/orders.ts";

/** The order of each run that has one. */
export const order: Order = {
  id: "order-7",
  customer: "ada",
  currency: "EUR",
  lines: [{ sku: "coffee", qty: 1, unitPrice: 500 }],
};

/** Where it is posted to. */
export const ordersUrl = "https://shop.example/orders";
