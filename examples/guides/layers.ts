import { awsBudget } from "once-again/budgets";
import { retryingFetch } from "once-again/client";
import { adaptiveThrottle, circuitBreaker, concurrencyLimit, hedge } from "once-again/layers";

const url = process.env["ORDERS_URL"] ?? "http://127.0.0.1:3000/orders";
const fetch = retryingFetch({
  keys: [new URL(url).origin],
  // One for all origins; by default each origin has a separate budget, which successes fund.
  budget: awsBudget(),
  // Once for each origin, from outside in: every attempt passes them on its way to the network.
  layers: ({ budget }) => [
    circuitBreaker({ failureRatio: 0.5, openMs: 5000 }),
    adaptiveThrottle(),
    concurrencyLimit({ runningMax: 20, queueMax: 100 }),
    hedge({ delayMs: "p95", budget }),
  ],
});

const response = await fetch(url, {
  method: "POST",
  headers: { "content-type": "application/json", "x-account": "acme" },
  body: JSON.stringify({ item: "coffee", amount: 420 }),
});
console.log(response.status, await response.text());
