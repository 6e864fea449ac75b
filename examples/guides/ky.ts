import ky from "ky";
import { retryingFetch } from "once-again/client";

const url = process.env["ORDERS_URL"] ?? "http://127.0.0.1:3000/orders";
// ky hands each call to `fetch` once: its own retries are off, and its own time-out, which would cut them, too.
const fetch = retryingFetch({ keys: [new URL(url).origin], timeoutMs: 20_000 });
const api = ky.create({ fetch, retry: 0, timeout: false });

const order = await api
  .post(url, {
    headers: { "x-account": "acme" },
    json: { item: "coffee", amount: 420 },
  })
  .json();

console.log(JSON.stringify(order));
