import { retryingFetch } from "once-again/client";

// For a server that honours keys: one for each call, the same on every attempt. For any other say `keys: "off"`.
// Waits of up to 1, 2, 4, 8 s, spread by chance; a retry budget for each origin.
const fetch = retryingFetch({ deadlineMs: 20_000 });

const response = await fetch(process.env["ORDERS_URL"] ?? "http://127.0.0.1:3000/orders", {
  method: "POST",
  headers: { "content-type": "application/json", "x-account": "acme" },
  body: JSON.stringify({ item: "coffee", amount: 420 }),
});

console.log(response.status, await response.text());
