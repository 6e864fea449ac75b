import { retryingFetch } from "once-again/client";
import { undiciFetch } from "once-again/undici";
import { Agent, request } from "undici";

const url = process.env["ORDERS_URL"] ?? "http://127.0.0.1:3000/orders";
const fetch = retryingFetch({ keys: [new URL(url).origin], fetch: undiciFetch(request, { dispatcher: new Agent() }) });

const response = await fetch(url, {
  method: "POST",
  headers: { "content-type": "application/json", "x-account": "acme" },
  body: JSON.stringify({ item: "coffee", amount: 420 }),
});

console.log(response.status, await response.text());
