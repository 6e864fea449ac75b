import { type Clock, sleep } from "once-again";
import { systemClock } from "once-again/internal";
import {
  attemptTimeoutMs as defaultTimeoutMs,
  drain,
  orderRequest,
  type CallerOptions,
  type SendOrder,
} from "./send-order.ts";

/** How a careless caller may differ from that of the lab. */
export interface CarelessOptions extends CallerOptions {
  /** After so many attempts it gives up. Default 3. */
  readonly attemptsMax?: number | undefined;
  /** It always waits this long, milliseconds: callers that failed at the same time come back at the same time. Default 100. */
  readonly pauseMs?: number | undefined;
  /** Default the machine's clock. */
  readonly clock?: Clock | undefined;
}

/**
 * A common caller: it times out, and sends again. Nothing in its requests distinguishes a second attempt from a second
 * order.
 */
export function carelessCaller(options: CarelessOptions): SendOrder {
  const {
    url,
    onWait,
    attemptTimeoutMs = defaultTimeoutMs,
    attemptsMax = 3,
    pauseMs = 100,
    clock = systemClock,
  } = options;
  const fetch = options.fetch ?? globalThis.fetch;
  return async (order, signal) => {
    for (let attempt = 1; attempt <= attemptsMax; attempt += 1) {
      if (attempt > 1) {
        onWait(pauseMs);
        await sleep(clock, pauseMs, signal);
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
