import ky from "ky";
import { retryingFetch } from "once-again/client";

// ky hands each call to `fetch` once: its own retries are off, and its own time-out, which would cut them, too.
const api = ky.create({ fetch: retryingFetch({ deadlineMs: 20_000 }), retry: 0, timeout: false });

const order = await api
  .post(process.env["ORDERS_URL"] ?? "http://127.0.0.1:3000/orders", {
    headers: { "x-account": "acme" },
    json: { item: "coffee", amount: 420 },
  })
  .json();

console.log(JSON.stringify(order));
