import { OnceAgainError } from "once-again";
import { retryingFetch } from "once-again/client";

const url = process.env["ORDERS_URL"] ?? "http://127.0.0.1:3000/orders";
const fetch = retryingFetch({ keys: [new URL(url).origin], attemptsMax: 3, timeoutMs: 5000 });

try {
  const response = await fetch(url, {
    method: "POST",
    headers: { "content-type": "application/json", "x-account": "acme" },
    body: JSON.stringify({ item: "coffee", amount: 420 }),
  });
  console.log("answered:", response.status);
} catch (error) {
  // Sent, and no response says what became of it. `details.key` asks for the outcome later, with the same body.
  if (OnceAgainError.isInstance(error, "ONCE_OUTCOME_UNKNOWN")) console.log("unknown:", error.details["key"]);
  // It surely had no effect. `details.retryAt`, if present, is when to try again.
  else if (OnceAgainError.isInstance(error)) console.log("not done:", error.code, error.details["retryAt"]);
  else throw error;
}
