import { create, getAdapter } from "axios";
import { retryingAdapter } from "once-again/axios";

const url = process.env["ORDERS_URL"] ?? "http://127.0.0.1:3000/orders";

const api = create({
  // Those that axios tries by itself, in its order.
  adapter: retryingAdapter(getAdapter(["xhr", "http", "fetch"]), { keys: [new URL(url).origin], timeoutMs: 20_000 }),
});

const { status, data } = await api.post<unknown>(
  url,
  { item: "coffee", amount: 420 },
  { headers: { "x-account": "acme" } },
);

console.log(status, JSON.stringify(data));
