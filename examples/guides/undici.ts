import { retryInterceptor } from "once-again/undici";
import { Agent, request, setGlobalDispatcher } from "undici";

const url = process.env["ORDERS_URL"] ?? "http://127.0.0.1:3000/orders";
// Compose it last, so that it sees what other interceptors (redirect, dns, cache) make of a response.
const agent = new Agent().compose(retryInterceptor({ keys: [new URL(url).origin], timeoutMs: 20_000 }));

const { statusCode, body } = await request(url, {
  dispatcher: agent,
  method: "POST",
  headers: { "content-type": "application/json", "x-account": "acme" },
  body: JSON.stringify({ item: "coffee", amount: 420 }),
});

console.log(statusCode, await body.text());

// Or for everything without another dispatcher.
setGlobalDispatcher(agent);
