import { sleep } from "once-again";
import { systemClock } from "once-again";
import {
  attemptTimeoutMs as defaultTimeoutMs,
  drain,
  orderRequest,
  type CallerOptions,
  type SendOrder,
} from "./send-order.ts";

/** After so many attempts it tells its customer that it did not work. */
const attemptsMax = 3;

/** It always waits as long, milliseconds: whoever failed at the same moment comes back at the same moment. */
const pauseMs = 100;

/**
 * A caller as one finds it: it times out, and sends again. Nothing in its requests tells a second attempt from a second
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
