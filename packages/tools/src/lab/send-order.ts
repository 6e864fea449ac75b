import { orderHeader, orderHeaderValue } from "./fault-plan.ts";
import type { CallerName } from "./caller-name.ts";
import type { Order } from "./orders.ts";

/** What a caller needs. */
export interface CallerOptions {
  /** Where orders are posted to. */
  readonly url: string;
  /** Hears of each pause before a retry, milliseconds. */
  readonly onWait: (waitMs: number) => void;
  /** How long it waits for an answer, milliseconds. Default `attemptTimeoutMs`. */
  readonly attemptTimeoutMs?: number | undefined;
}

/** How an order ended, as its caller sees it. */
export type OrderOutcome = "confirmed" | "replayed" | "unconfirmed";

/**
 * Sends one order, as often as this caller thinks fit, and says how it ended: `confirmed` (a success was answered),
 * `replayed` (likewise; the API had kept it from an earlier attempt) or `unconfirmed`.
 *
 * @throws the signal's reason when it aborts.
 */
export type SendOrder = (order: Order, signal: AbortSignal) => Promise<OrderOutcome>;

/** The header field in which a caller names itself. A real API would take the name from the caller's credentials. */
export const callerHeader = "Lab-Caller";

/**
 * How long both callers wait for an answer unless told otherwise, milliseconds. Short, since the lab's network is on one machine, and every
 * silence costs as much.
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

/** Lets go of a response whose status has said everything, so that its connection can be used again. */
export async function drain(response: Response): Promise<void> {
  await response.arrayBuffer().catch(() => undefined);
}
