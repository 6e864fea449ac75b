import type { CallerName } from "./caller-name.ts";
import type { Order } from "./orders.ts";

/** The options of a caller. */
export interface CallerOptions {
  /** Where orders are posted to. */
  readonly url: string;
  /** Called with each pause before a retry, milliseconds. */
  readonly onWait: (waitMs: number) => void;
  /** How long it waits for an answer, milliseconds. Default `attemptTimeoutMs`. */
  readonly attemptTimeoutMs?: number | undefined;
  /** Sends a request; default the platform's. */
  readonly fetch?: typeof globalThis.fetch | undefined;
}

/** How an order ended, as its caller sees it. */
export type OrderOutcome = "confirmed" | "replayed" | "unconfirmed";

/**
 * Sends one order, with the retries of this caller, and returns how it ended: `confirmed` (a success was answered),
 * `replayed` (a success that the API had stored in an earlier attempt) or `unconfirmed`.
 *
 * @throws the signal's reason when it aborts.
 */
export type SendOrder = (order: Order, signal: AbortSignal) => Promise<OrderOutcome>;

/** The header field in which a caller names itself. A real API would take the name from the caller's credentials. */
export const callerHeader = "Lab-Caller";

/** The header field in which the lab's callers name their order, so that the network knows the order of each attempt. */
export const orderHeader = "Lab-Order";

/** The value of `orderHeader` for an order. Ids may have characters that a header field may not. */
export const orderHeaderValue = (orderId: string): string => encodeURIComponent(orderId);

/**
 * How long both callers wait for an answer by default, milliseconds. It is short: the lab's network is on one machine, and
 * every lost answer costs this much time.
 */
export const attemptTimeoutMs = 1000;

/** The request that makes an order. */
export function orderRequest(
  caller: CallerName,
  order: Order,
): { method: string; headers: Record<string, string>; body: string } {
  return {
    method: "POST",
    headers: {
      "Content-Type": "application/json",
      [callerHeader]: caller,
      [orderHeader]: orderHeaderValue(order.id),
    },
    body: JSON.stringify(order),
  };
}

/** Reads a response to its end, so that its connection can be used again. */
export async function drain(response: Response): Promise<void> {
  await response.arrayBuffer().catch(() => undefined);
}
