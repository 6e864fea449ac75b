/**
 * A browser with the pages of some orders, in a separate process, so that it can be killed. Started by checkout-side.ts, which
 * sends it its task by IPC, and then the place of each order that is to be paid; it answers with the labels of the buttons,
 * and ends on the word "stop", and at once when its parent is gone. Its disk is a database in SQLite.
 */
import process from "node:process";
import { systemClock } from "once-again/internal";
import { sqliteIntents } from "once-again/stores/sqlite";
import type { BrowserReport, BrowserTask } from "./checkout-side.ts";
import { payPages } from "./pay-pages.ts";

/** More than one browser has pages of. */
const concurrency = 256;

function open({ name, url, orders, path, answerMsMax, leaseMs }: BrowserTask): void {
  const report = (order: number, button: BrowserReport["button"]): void =>
    void process.send?.({ pid: process.pid, order, button } satisfies BrowserReport);
  const openPage = payPages[name]({
    url,
    clock: systemClock,
    fetch: globalThis.fetch,
    answerMsMax,
    store: sqliteIntents({ path }),
    intents: { leaseMs, pollMs: 50, concurrency, concurrencyPerOrigin: concurrency },
    fail: (error) => {
      throw error;
    },
  });
  const pages = orders.map((order, index) => openPage(order, (button) => report(index, button)));
  process.on("message", (word) => {
    if (word === "stop") process.disconnect();
    else pages[Number(word)]?.press();
  });
}

process.once("message", (task) => open(task as BrowserTask));
// Ctrl-C reaches the whole group of processes; the parent acts on it.
for (const name of ["SIGINT", "SIGHUP"]) process.on(name, () => undefined);
process.once("disconnect", () => process.exit());
