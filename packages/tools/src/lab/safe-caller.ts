import { retryingFetch } from "once-again/client";
import { exponentialBackoff, OnceAgainError } from "once-again";
import {
  attemptTimeoutMs as defaultTimeoutMs,
  drain,
  orderRequest,
  type CallerOptions,
  type SendOrder,
} from "./send-order.ts";

/** The retry options of the safe caller. */
export const safeRetryOptions = {
  attemptTimeoutMs: defaultTimeoutMs,
  // With nine faults in ten attempts, an order would fail all of them once in a thousand million orders.
  attemptsMax: 200,
  // Short, to have the lab end soon: 10, 20, 40, 80, 160 ms, each drawn from 0 to that. The default base is a second.
  backoff: exponentialBackoff({ baseMs: 10, capMs: 160 }),
  // A budget keeps retries from drowning an overloaded server. This one is not overloaded: the network loses much, by
  // design, and does so forever. With its budget spent on that, the caller would have to give up orders.
  budget: "off",
} as const;

/** The same request through `retryingFetch`, which gives each order a key and keeps it on every attempt. */
export function safeCaller({
  url,
  onWait,
  fetch: send,
  attemptTimeoutMs = defaultTimeoutMs,
}: CallerOptions): SendOrder {
  const fetch = retryingFetch({
    ...safeRetryOptions,
    fetch: send,
    attemptTimeoutMs,
    // The lab's server honours keys.
    keys: [new URL(url).origin],
    onEvent: (event) => {
      if (event.type === "retry-scheduled") onWait(event.delayMs);
    },
  });
  return async (order, signal) => {
    try {
      const response = await fetch(url, { ...orderRequest("safe", order), signal });
      await drain(response);
      if (!response.ok) return "unconfirmed";
      return response.headers.has("Idempotent-Replayed") ? "replayed" : "confirmed";
    } catch (error) {
      signal.throwIfAborted();
      if (OnceAgainError.isInstance(error)) return "unconfirmed";
      throw error;
    }
  };
}
