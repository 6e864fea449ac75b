import { systemClock } from "once-again/internal";
import { flakyNetwork, type FaultPlan } from "@once-again/testing";
import type { Audit } from "./ledger.ts";
import type { CallerResult } from "./lab-result.ts";
import type { Order } from "./orders.ts";
import type { Outcomes } from "./send-all.ts";
import type { CallerOptions } from "./send-order.ts";
import { summarizeWaits } from "./waits.ts";

/** The parts with which one caller sends all its orders. */
export interface CallerRun {
  readonly orders: readonly Order[];
  /** Sends all of them, and says how they ended. */
  readonly send: (options: CallerOptions) => Promise<Outcomes>;
  readonly plan: FaultPlan;
  /** Where the API is listening now; asked for each connection. */
  readonly apiPort: () => number;
}

/**
 * Lets one caller send all its orders over its own flaky network, and returns what it saw. The ledger has what really
 * happened.
 *
 * @throws what `send` throws.
 */
export async function runCaller(run: CallerRun): Promise<Omit<CallerResult, keyof Audit>> {
  await using network = await flakyNetwork({ upstream: () => ({ port: run.apiPort() }), plan: run.plan });
  const waitsMs: number[] = [];
  const startedMs = systemClock.monotonic();
  const outcomes = await run.send({ url: `${network.url}/orders`, onWait: (waitMs) => waitsMs.push(waitMs) });

  const { pass, fail } = network.counts;
  const total = pass + network.counts["lose-request"] + fail + network.counts["lose-answer"];
  return {
    orders: run.orders.length,
    confirmed: outcomes.confirmed + outcomes.replayed,
    replayed: outcomes.replayed,
    attempts: { total, ...network.counts },
    waits: summarizeWaits(waitsMs),
    timeMs: Math.round(systemClock.monotonic() - startedMs),
  };
}
