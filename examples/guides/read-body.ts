import { retryingFetch } from "once-again/client";

const url = process.env["ORDERS_URL"] ?? "http://127.0.0.1:3000/orders";
// A response that breaks off is a failed attempt. With a key the next attempt gets the same response, whole.
const fetch = retryingFetch({ keys: [new URL(url).origin], readBody: true });

const response = await fetch(url, {
  method: "POST",
  headers: { "content-type": "application/json", "x-account": "acme" },
  body: JSON.stringify({ item: "coffee", amount: 420 }),
});
console.log(response.status, await response.text());
