import { retryingFetch } from "once-again/client";

const fetch = retryingFetch({ keys: ["http://127.0.0.1:3000"], deadlineMs: 20_000 });

const response = await fetch("http://127.0.0.1:3000/orders", {
  method: "POST",
  headers: { authorization: "Bearer secret", "content-type": "application/json" },
  body: JSON.stringify({ item: "coffee", amount: 420 }),
});
console.log(response.status, await response.text());
