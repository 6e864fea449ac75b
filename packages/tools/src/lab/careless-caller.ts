import { sleep, systemClock } from "once-again";
import {
  attemptTimeoutMs as defaultTimeoutMs,
  drain,
  orderRequest,
  type CallerOptions,
  type SendOrder,
} from "./send-order.ts";

/** After so many attempts it gives up. */
const attemptsMax = 3;

/** It always waits this long, milliseconds: callers that failed at the same time come back at the same time. */
const pauseMs = 100;

/**
 * A common caller: it times out, and sends again. Nothing in its requests distinguishes a second attempt from a second
 * order.
 */
export function carelessCaller({ url, onWait, attemptTimeoutMs = defaultTimeoutMs }: CallerOptions): SendOrder {
  return async (order, signal) => {
    for (let attempt = 1; attempt <= attemptsMax; attempt += 1) {
      if (attempt > 1) {
        onWait(pauseMs);
        await sleep(systemClock, pauseMs, signal);
      }
      const timed = AbortSignal.any([signal, AbortSignal.timeout(attemptTimeoutMs)]);
      const response = await fetch(url, { ...orderRequest("careless", order), signal: timed }).catch(() => undefined);
      signal.throwIfAborted();
      if (response === undefined) continue;
      await drain(response);
      if (response.ok) return "confirmed";
      if (response.status < 500) break;
    }
    return "unconfirmed";
  };
}
