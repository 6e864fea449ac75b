import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { sleep } from "once-again";
import { systemClock } from "once-again/internal";
import { labApi } from "../api.ts";
import { type CallerName, callerNames } from "../caller-name.ts";
import { ledgerTail } from "../ledger.ts";
import { type Cleanup, cleanUp } from "../live/cleanups.ts";
import type { LiveGate } from "../live/live-gate.ts";
import { type LiveProcess, liveProcess } from "../live/live-process.ts";
import { legMs, type ProcessView } from "../live/live-protocol.ts";
import type { StagedRun } from "../live/live-stage.ts";
import type { Order } from "../orders.ts";
import type { CheckoutBook } from "./checkout-book.ts";
import type { CheckoutSettings } from "./checkout-protocol.ts";
import { type CheckoutSide, checkoutSide } from "./checkout-side.ts";
import type { PayEvent } from "./pay-events.ts";

/** A run of the story of the checkout that can be watched. */
export interface LiveCheckoutRun extends StagedRun {
  readonly browsers: Readonly<Record<CallerName, ProcessView>>;
  /** Reads what is new in the ledger. */
  readLedger(): void;
}

/** The parts of a run. */
export interface LiveCheckoutParts extends CheckoutSettings {
  readonly order: Order;
  /** The customers, and the kills, wait here. */
  readonly gate: LiveGate;
  readonly book: CheckoutBook;
  /** Called when there is something new to see. */
  readonly onChange: () => void;
}

/** Starts the API and both browsers, in a folder that goes with them; settles when both customers are about to press. */
export async function startLiveCheckout(parts: LiveCheckoutParts): Promise<LiveCheckoutRun> {
  const stop = new AbortController();
  const cleanups: Cleanup[] = [];
  try {
    const run = await startIn(parts, stop, cleanups);
    await Promise.race([parts.gate.reached, run.done]);
    return run;
  } catch (error) {
    stop.abort(error);
    await cleanUp(cleanups);
    throw error;
  }
}

async function startIn(parts: LiveCheckoutParts, stop: AbortController, cleanups: Cleanup[]): Promise<LiveCheckoutRun> {
  const { order, lost, speed, book, onChange } = parts;
  const { signal } = stop;
  const folder = await mkdtemp(join(tmpdir(), "once-again-lab-"));
  cleanups.push(() => rm(folder, { recursive: true, force: true }));
  const database = join(folder, "lab.sqlite");
  const api = await labApi(database, (error) => stop.abort(error));
  cleanups.push(() => api[Symbol.asyncDispose]());
  const ledger = ledgerTail(database);
  cleanups.push(async () => ledger.close());
  const isDone = { careless: false, safe: false };
  const open = async (name: CallerName) => {
    const side = await checkoutSide({
      name,
      orders: [order],
      lossOf: () => lost,
      legMs: () => legMs[speed],
      apiPort: () => api.port,
      path: join(folder, `${name}-browser`),
      signal,
      onEvent(_order, what) {
        book.note(name, what);
        onChange();
      },
      onButton(_order, button) {
        book.show(name, button);
        onChange();
      },
    });
    cleanups.push(() => side[Symbol.asyncDispose]());
    const browser = liveProcess({ process: side.browser, isOver: () => isDone[name], stop, onChange });
    return { side, browser };
  };
  const sides = { careless: await open("careless"), safe: await open("safe") };
  const pay = async (name: CallerName): Promise<void> => {
    await payAs(name, { ...parts, ...sides[name] });
    isDone[name] = true;
    onChange();
  };
  const died = Promise.race(callerNames.map((name) => sides[name].side.ended));
  const done = Promise.race([Promise.all(callerNames.map(pay)), died]).then(() => undefined);
  // The stage reads it; a run that is given up ends in its own abort.
  done.catch(() => undefined);
  return {
    done,
    get browsers() {
      return { careless: sides.careless.browser.view, safe: sides.safe.browser.view };
    },
    readLedger() {
      for (const row of ledger.next()) book.charge(row);
    },
    async [Symbol.asyncDispose]() {
      stop.abort();
      await done.catch(() => undefined);
      await cleanUp(cleanups);
    },
  };
}

interface CustomerParts extends Pick<LiveCheckoutParts, "gate" | "book" | "speed" | "onChange"> {
  readonly side: CheckoutSide;
  readonly browser: LiveProcess;
}

/** Presses Pay. Before the answer the browser dies, and comes back; then the page is pressed until it says how it ended. */
async function payAs(name: CallerName, { side, browser, gate, book, speed, onChange }: CustomerParts): Promise<void> {
  /** After a look at the page the next thing is done, when the gate lets it. */
  const next = async (what?: PayEvent["what"]): Promise<void> => {
    await sleep(systemClock, legMs[speed]);
    await gate.pass(name);
    if (what !== undefined) book.note(name, what);
    onChange();
  };
  await side.settled(0);
  await next("pressed");
  side.press(0);
  await side.answeredOrLost(0);
  await next("killed");
  await browser.kill();
  book.note(name, "restarted");
  onChange();
  await side.settled(0);
  while (side.button(0) !== "paid" && side.button(0) !== "unknown") {
    await next("pressed-again");
    side.press(0);
    await side.settled(0);
  }
}
