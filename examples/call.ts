import { retryingFetch } from "once-again/client";

const url = process.env["ORDERS_URL"] ?? "http://127.0.0.1:3000/orders";
// A key for each call, the same on every attempt. `keys` names the servers that honour keys: after doubt, a POST is sent again
// only there. Waits of up to 1, 2, 4, 8 s, spread by chance; a retry budget for each origin.
const fetch = retryingFetch({ keys: [new URL(url).origin], timeoutMs: 20_000 });

const response = await fetch(url, {
  method: "POST",
  headers: { "content-type": "application/json", "x-account": "acme" },
  body: JSON.stringify({ item: "coffee", amount: 420 }),
});

console.log(response.status, await response.text());
