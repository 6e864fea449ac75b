import { retryingFetch } from "once-again/client";
import { circuitBreaker } from "once-again/layers";

// One breaker for each origin, in a map, so that it can be seen and isolated by hand.
const breakers = new Map<string, ReturnType<typeof circuitBreaker>>();

const url = process.env["ORDERS_URL"] ?? "http://127.0.0.1:3000/orders";
const fetch = retryingFetch({
  keys: [new URL(url).origin],
  // This server says 423 while another order of the same account is being changed, and means it will pass.
  shouldRetry: ({ status }) => (status === 423 ? true : undefined),
  layers({ origin }) {
    const breaker = circuitBreaker({ onEvent: ({ type }) => console.log(origin, type) });
    breakers.set(origin, breaker);
    return [breaker];
  },
});

const init = { method: "POST", headers: { "x-account": "acme" }, body: "coffee" };

// This call matters less than the others: two attempts, one second.
const response = await fetch(url, { ...init, attemptsMax: 2, timeoutMs: 1000 });
const breaker = breakers.get(new URL(url).origin);
console.log(response.status, breaker?.state);

// For maintenance: no call leaves until `release`.
breaker?.isolate();
const error = await fetch(url, { ...init, attemptsMax: 1 }).catch(({ code }: { code: string }) => code);
console.log(breaker?.state, error);
