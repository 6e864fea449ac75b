import { systemClock } from "../core/system-clock.ts";
import { flakyNetwork, type FaultPlan } from "../testing/index.ts";
import type { Audit } from "./ledger.ts";
import type { CallerResult } from "./lab-result.ts";
import type { Order } from "./orders.ts";
import type { CallerOptions, SendOrder } from "./send-order.ts";
import { summarizeWaits } from "./waits.ts";

/** What one caller needs to send all its orders. */
export interface CallerRun {
  readonly orders: readonly Order[];
  /** How many orders it has on the way at a time. */
  readonly concurrency: number;
  readonly caller: (options: CallerOptions) => SendOrder;
  readonly plan: FaultPlan;
  /** Where the API is listening now; asked for each connection. */
  readonly apiPort: () => number;
  readonly signal: AbortSignal;
  /** Called after each order. */
  readonly onSettled: () => void;
}

/**
 * Lets one caller send all its orders over a flaky network of its own, and tells what it saw. What really happened is
 * in the ledger.
 *
 * @throws the signal's reason when it aborts.
 */
export async function runCaller(run: CallerRun): Promise<Omit<CallerResult, keyof Audit>> {
  const { orders, signal } = run;
  await using network = await flakyNetwork({ upstream: () => ({ port: run.apiPort() }), plan: run.plan });
  const waitsMs: number[] = [];
  const send = run.caller({ url: `${network.url}/orders`, onWait: (waitMs) => waitsMs.push(waitMs) });
  const outcomes = { confirmed: 0, replayed: 0, unconfirmed: 0 };
  const startedMs = systemClock.monotonic();

  const queue = orders.values();
  const work = async (): Promise<void> => {
    for (const order of queue) {
      outcomes[await send(order, signal)] += 1;
      run.onSettled();
    }
  };
  await Promise.all(Array.from({ length: run.concurrency }, work));

  const { pass, fail } = network.counts;
  const total = pass + network.counts["lose-request"] + fail + network.counts["lose-answer"];
  return {
    orders: orders.length,
    confirmed: outcomes.confirmed + outcomes.replayed,
    replayed: outcomes.replayed,
    attempts: { total, ...network.counts },
    waits: summarizeWaits(waitsMs),
    timeMs: Math.round(systemClock.monotonic() - startedMs),
  };
}
