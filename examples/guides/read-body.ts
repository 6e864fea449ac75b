import { retryingFetch } from "once-again/client";

// A response that breaks off is a failed attempt. With a key the next attempt gets the same response, whole.
const fetch = retryingFetch({ readBody: true });

const response = await fetch(process.env["ORDERS_URL"] ?? "http://127.0.0.1:3000/orders", {
  method: "POST",
  headers: { "content-type": "application/json", "x-account": "acme" },
  body: JSON.stringify({ item: "coffee", amount: 420 }),
});
console.log(response.status, await response.text());
