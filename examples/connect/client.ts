import { createClient } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-node";
import { retryingConnect } from "once-again/connect";
import { Orders } from "./orders.ts";

const transport = createConnectTransport({
  baseUrl: process.env["ORDERS_URL"] ?? "http://127.0.0.1:3000",
  httpVersion: "1.1",
  // This server honours keys, so a call is made again when its response was lost.
  interceptors: [retryingConnect({ keys: true, timeoutMs: 20_000 })],
});
const orders = createClient(Orders, transport);

// A key of your own, stored beside the order, outlives this process. Without it each call gets a new one.
const headers = { "x-account": "acme", "idempotency-key": "order-7" };
console.log(await orders.create({ item: "coffee", amount: 420 }, { headers }));
