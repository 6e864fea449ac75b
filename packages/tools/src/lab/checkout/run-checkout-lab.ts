import { join } from "node:path";
import { systemClock } from "once-again/internal";
import { seededRandom } from "@once-again/testing";
import { labApi, type LabApi } from "../api.ts";
import { type CallerName, callerNames } from "../caller-name.ts";
import { audit, readCharges } from "../ledger.ts";
import type { Order } from "../orders.ts";
import { runStory, type StoryOptions, type StoryRun } from "../run-story.ts";
import { sendAll } from "../send-all.ts";
import type { CheckoutResult, CheckoutSideResult } from "./checkout-result.ts";
import { checkoutSide, type CheckoutSideParts } from "./checkout-side.ts";
import type { Loss } from "./pay-events.ts";

/** The options of the story of the checkout. */
export interface CheckoutLabOptions extends StoryOptions {
  /** Share of the first payments of which the network loses a part, 0 to 1: half the request, half the answer. Default 0.3. */
  readonly faults?: number | undefined;
}

/** So many orders have their pages in one browser. */
const pagesMax = 200;

/**
 * Has the same customers pay the same orders on two kinds of pages, over a network that loses some requests and answers. When
 * each payment of a browser is answered or lost, its process is killed; started again, it opens the same pages, and who has not
 * seen "Paid" presses again if the page offers it. Then the ledger is held against the orders.
 *
 * @throws OnceAgainError `ONCE_OPTION_INVALID` for an option out of bounds; the signal's reason when it aborts; Error when a
 *   process ends by itself.
 */
export const runCheckoutLab = (options: CheckoutLabOptions): Promise<CheckoutResult> =>
  runStory(options, { faultsMax: 1, run: runCheckout });

async function runCheckout(running: StoryRun<CheckoutLabOptions>): Promise<CheckoutResult> {
  const { folder, orders, faults, seed, onProgress } = running;
  const stop = new AbortController();
  const signal = running.signal === undefined ? stop.signal : AbortSignal.any([running.signal, stop.signal]);
  const database = join(folder, "lab.sqlite");
  await using api = await labApi(database, (error) => stop.abort(error));
  let paid = 0;
  const onPaid = (): void => onProgress?.((paid += 1), orders.length * callerNames.length);
  const batches = Array.from({ length: Math.ceil(orders.length / pagesMax) }, (_, index) =>
    orders.slice(index * pagesMax, (index + 1) * pagesMax),
  );
  const runs = callerNames.map(async (name) => {
    const counts = noCounts();
    const startedAt = systemClock.monotonic();
    for (const [index, batch] of batches.entries()) {
      const path = join(folder, `${name}-browser-${index}`);
      await payInOneBrowser({ ...running, name, orders: batch, path, signal, api, counts, onPaid });
    }
    return { ...counts, timeMs: Math.round(systemClock.monotonic() - startedAt) };
  });
  for (const run of runs) run.catch((error: unknown) => stop.abort(error));
  // Both end before anything is torn down, also when one fails.
  await Promise.allSettled(runs);
  signal.throwIfAborted();
  const [careless, safe] = await Promise.all(runs);
  await api.stop();
  const auditSide = async (name: CallerName) => ({
    orders: orders.length,
    ...(await audit(orders, readCharges(database, name))),
  });
  return {
    seed,
    faults,
    browsers: batches.length,
    careless: { ...careless!, ...(await auditSide("careless")) },
    safe: { ...safe!, ...(await auditSide("safe")) },
  };
}

const noCounts = () => ({
  paid: 0,
  presses: 0,
  resumed: 0,
  replayed: 0,
  payments: { total: 0, "lose-request": 0, "lose-answer": 0 },
});

interface OneBrowser extends StoryRun<CheckoutLabOptions>, Pick<CheckoutSideParts, "name" | "path" | "signal"> {
  readonly signal: AbortSignal;
  readonly api: LabApi;
  readonly counts: { -readonly [Name in keyof ReturnType<typeof noCounts>]: CheckoutSideResult[Name] };
  readonly onPaid: () => void;
}

/** The customers of one browser pay. */
async function payInOneBrowser(parts: OneBrowser): Promise<void> {
  const { orders, faults, seed, concurrency, signal, api, counts, onPaid } = parts;
  await using side = await checkoutSide({
    ...parts,
    lossOf: drawLoss(seed, faults),
    legMs: () => 0,
    apiPort: () => api.port,
    onEvent(_order, what) {
      if (what === "replayed") counts.replayed += 1;
    },
  });
  const places = new Map(orders.map((order, index) => [order, index]));
  const isPaid = new Set<Order>();
  const press = (place: number): void => {
    counts.presses += 1;
    side.press(place);
  };
  const note = (order: Order): void => {
    if (side.button(places.get(order)!) !== "paid") return;
    isPaid.add(order);
    counts.paid += 1;
    onPaid();
  };
  /** As many customers as pay at a time, until all have. */
  const all = async (pay: (order: Order, place: number) => Promise<void>): Promise<void> => {
    const send = async (order: Order) => {
      signal.throwIfAborted();
      await pay(order, places.get(order)!);
      return "confirmed" as const;
    };
    await Promise.race([sendAll({ orders, concurrency, send, signal, onSettled: () => undefined }), side.ended]);
  };
  await all(async (order, place) => {
    await side.settled(place);
    press(place);
    await side.answeredOrLost(place);
    note(order);
  });
  await side.browser.crash();
  await all(async (order, place) => {
    // Who has seen it goes away.
    if (isPaid.has(order)) return;
    await side.settled(place);
    if (side.button(place) === "paid") counts.resumed += 1;
    while (side.button(place) !== "paid" && side.button(place) !== "unknown") {
      press(place);
      await side.settled(place);
    }
    note(order);
  });
  const { pass, "lose-request": lostRequests, "lose-answer": lostAnswers } = side.network.counts;
  const { payments } = counts;
  counts.payments = {
    total: payments.total + pass + lostRequests + lostAnswers,
    "lose-request": payments["lose-request"] + lostRequests,
    "lose-answer": payments["lose-answer"] + lostAnswers,
  };
}

/** The loss of an order's first payment depends on its id alone: both sides lose the same. */
function drawLoss(seed: number, faults: number): (order: Order) => Loss | undefined {
  return ({ id }) => {
    const random = seededRandom(`${seed} ${id}`);
    if (random() >= faults) return undefined;
    return random() < 0.5 ? "request" : "answer";
  };
}
