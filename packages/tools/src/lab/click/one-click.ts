import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onceFunction } from "once-again/function";
import { memoryStore } from "once-again/stores/memory";
import type { CallerName } from "../caller-name.ts";
import { createLedger, readCharges, writeOrder } from "../ledger.ts";
import { openDatabase } from "../open-database.ts";
import type { Order } from "../orders.ts";
import type { ClickCounts, ClickPayment, ClickResult } from "./click-protocol.ts";

/** More clicks than anybody makes. Each leaves rows in the ledger until the lab ends. */
const clicksMax = 1000;

/** Payments of a click that are taken, with a key and without. A browser sends two. */
const arrivalsMax = 10;

/** The end of a payment: `cut`, it was made and its connection is to be closed without a response. */
export type PaymentEnd = "paid" | "cut" | "refused";

/** The shop of the story of one click. */
export interface OneClick extends AsyncDisposable {
  /** Begins a click; undefined when there were too many. */
  open(): number | undefined;
  /**
   * Takes a payment as it arrives. Without a key it charges; with one it charges once for each key. The first payment of each kind
   * is cut off from its response, as by a deploy: its charge stays. Refused: a click that was not opened, and too many payments.
   */
  pay(payment: ClickPayment): Promise<PaymentEnd>;
  /** Counts what arrived for a click, and what the ledger has; undefined for a click that was not opened. */
  counts(click: number): ClickResult | undefined;
}

/**
 * A shop that closes the connection after the work and before the response. It shows a browser that sends a POST again by itself, so
 * the browser is the person's own: nothing here sends anything.
 *
 * @param order what each click buys.
 */
export function oneClick(order: Order): OneClick {
  const store = memoryStore();
  const arrivals: Record<CallerName, number>[] = [];
  let folder: string | undefined;
  const ledgerPath = (): string => {
    if (folder === undefined) {
      folder = mkdtempSync(join(tmpdir(), "once-again-lab-"));
      createLedger(join(folder, "clicks.sqlite"));
    }
    return join(folder, "clicks.sqlite");
  };
  const orderId = (click: number): string => `click-${click}`;
  const charge = (side: CallerName, click: number): void => {
    using database = openDatabase(ledgerPath());
    writeOrder(database, side, { ...order, id: orderId(click) });
  };
  const chargeOnce = onceFunction(
    { store, scope: "one-click", key: (payment: { key: string; click: number }) => payment.key },
    (_execution, { click }) => charge("safe", click),
  );
  const countsOf = (side: CallerName, click: number): ClickCounts => ({
    arrivals: arrivals[click - 1]![side],
    charges: readCharges(ledgerPath(), side).filter((row) => row.orderId === orderId(click)).length,
  });

  return {
    open() {
      if (arrivals.length >= clicksMax) return undefined;
      return arrivals.push({ careless: 0, safe: 0 });
    },
    async pay({ click, key }) {
      const side = key === undefined ? "careless" : "safe";
      const counts = arrivals[click - 1];
      if (counts === undefined || counts[side] >= arrivalsMax) return "refused";
      counts[side] += 1;
      const isFirst = counts[side] === 1;
      if (key === undefined) charge("careless", click);
      else await chargeOnce({ key, click });
      return isFirst ? "cut" : "paid";
    },
    counts(click) {
      if (arrivals[click - 1] === undefined) return undefined;
      return { careless: countsOf("careless", click), safe: countsOf("safe", click) };
    },
    async [Symbol.asyncDispose]() {
      await chargeOnce.close();
      await store.close();
      if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
    },
  };
}
