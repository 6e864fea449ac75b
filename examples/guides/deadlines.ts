import { readAttempt, retryingFetch } from "once-again/client";

const attemptHeaders = { number: "X-Attempt", remainingMs: "X-Remaining-Ms" };
const url = process.env["ORDERS_URL"] ?? "http://127.0.0.1:3000/orders";
const fetch = retryingFetch({
  keys: [new URL(url).origin],
  timeoutMs: 10_000,
  attemptTimeoutMs: 2000,
  attemptHeaders,
});

/** A service in the middle: its caller retries, so it does not, and it works no longer than its caller waits. */
export async function checkout(request: Request): Promise<Response> {
  const within = readAttempt(request.headers, attemptHeaders);
  const key = request.headers.get("idempotency-key");
  // Without a key of the caller's, all callers would share one: "/order".
  if (!key) return new Response("Idempotency-Key is missing", { status: 400 });
  return fetch(url, {
    method: "POST",
    headers: { "content-type": "application/json", "x-account": "acme", "idempotency-key": `${key}/order` },
    body: await request.text(),
    ...(within === undefined ? undefined : { within }),
  });
}

const incoming = new Request("http://shop.example/checkout", {
  method: "POST",
  headers: { "idempotency-key": "checkout-7", "x-attempt": "2", "x-remaining-ms": "1500" },
  body: JSON.stringify({ item: "coffee" }),
});
console.log((await checkout(incoming)).status);
console.log((await checkout(new Request("http://shop.example/checkout", { method: "POST" }))).status);
