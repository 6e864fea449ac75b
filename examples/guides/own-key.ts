import { retryingFetch } from "once-again/client";

const url = process.env["ORDERS_URL"] ?? "http://127.0.0.1:3000/orders";
const fetch = retryingFetch({ keys: [new URL(url).origin] });

/** The key names what the user wants, not the request: a second click on "pay" is the same order. */
export async function placeOrder(orderId: string, order: object): Promise<Response> {
  return fetch(url, {
    method: "POST",
    headers: { "content-type": "application/json", "x-account": "acme", "idempotency-key": `order-${orderId}` },
    body: JSON.stringify(order),
  });
}

for (let click = 1; click <= 2; click += 1) {
  const response = await placeOrder("42", { item: "coffee", amount: 420 });
  console.log(response.status, response.headers.get("idempotent-replayed") ?? "first", await response.text());
}
