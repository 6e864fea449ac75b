import { retryingFetch } from "once-again/client";

const fetch = retryingFetch({ keys: ["http://127.0.0.1:3000"], timeoutMs: 20_000 });

const response = await fetch("http://127.0.0.1:3000/charges", {
  method: "POST",
  headers: {
    authorization: "Bearer secret",
    "content-type": "application/json",
    // The order is a name already. A second payment for it, in any process, repeats the same operation.
    "idempotency-key": "order-1",
  },
  body: JSON.stringify({ amount: 420 }),
});
console.log(response.status, await response.text(), `replayed: ${response.headers.has("idempotent-replayed")}`);
