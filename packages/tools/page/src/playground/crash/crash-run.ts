import { type Clock, OnceAgainError, seededRandom } from "once-again";
import { retryingFetch } from "once-again/client";
import { carelessCaller } from "../../../../src/lab/careless-caller.ts";
import { orderRequest } from "../../../../src/lab/send-order.ts";
import type { CallerKind, CrashEvent, CrashResult, CrashSettings } from "./crash-settings.ts";
import { order, ordersUrl as url } from "../page-order.ts";
import { virtualTime } from "../virtual-time.ts";
import { crashStage } from "./crash-stage.ts";

/** A careless caller waits this long before it sends again, milliseconds, and sends three times. */
const pauseMs = 1000;

/** Sends one order with one caller through one crash, in virtual time, and reads the ledger. */
export async function runCrash(caller: CallerKind, settings: CrashSettings): Promise<CrashResult> {
  const time = virtualTime();
  const { clock } = time;
  const events: CrashEvent[] = [];
  const note = (what: CrashEvent["what"]): void => void events.push({ atMs: Math.round(clock.monotonic()), what });
  const stage = crashStage(settings, time, note);
  const parts = { clock: stage.clock, fetch: stage.fetch, seed: settings.seed };
  const belief = await time.run(call(caller, parts).finally(() => stage.endCall()));
  if (belief === "gave-up") note("gave-up");
  // The server comes back before the ledger is read.
  await time.run(stage.settled());
  const { charges, keys } = stage.api.database;
  const [record] = await keys.list({});
  return { caller, events, charges: charges.length, belief, key: record?.state };
}

interface CallParts {
  readonly clock: Clock;
  readonly fetch: typeof globalThis.fetch;
  readonly seed: number;
}

/** Sends the order as the caller does, and returns what it knows in the end. */
async function call(caller: CallerKind, { clock, fetch, seed }: CallParts): Promise<CrashResult["belief"]> {
  if (caller !== "once-again") {
    const attemptsMax = caller === "gives-up" ? 1 : 3;
    const send = carelessCaller({ url, clock, fetch, attemptsMax, pauseMs, onWait: () => undefined });
    const outcome = await send(order, new AbortController().signal);
    return outcome === "confirmed" ? "confirmed" : "gave-up";
  }
  const keys = [new URL(url).origin];
  const send = retryingFetch({ keys, clock, fetch, random: seededRandom(seed) });
  try {
    const response = await send(url, orderRequest("safe", order));
    return response.ok ? "confirmed" : "unknown";
  } catch (error) {
    if (OnceAgainError.isInstance(error)) return "unknown";
    throw error;
  }
}
