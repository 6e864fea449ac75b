import { retryingFetch } from "once-again/client";

// An answer that breaks off half-way is an attempt that failed. With a key the next one gets the same answer, whole.
const fetch = retryingFetch({ readBody: true });

const response = await fetch(process.env["ORDERS_URL"] ?? "http://127.0.0.1:3000/orders", {
  method: "POST",
  headers: { "content-type": "application/json", "x-account": "acme" },
  body: JSON.stringify({ item: "coffee", amount: 420 }),
});
console.log(response.status, await response.text());
