import { type CallerName, callerNames } from "../../caller-name.ts";
import type { LedgerRow } from "../../ledger.ts";
import type { ChargeView } from "../../live/live-protocol.ts";
import type { Order } from "../../orders.ts";
import { countReport, noCounts, type SideCounts } from "../side-counts.ts";
import type { SideReport } from "../side-task.ts";
import type { Incident, IncidentView, MessagesSideView, MessagesTotals, RoleName } from "./messages-protocol.ts";

/** The counts of a side's databases and broker. */
type Measured = Pick<MessagesSideView, "outbox" | "queued"> & Pick<MessagesTotals, "saved">;

/** Keeps account of a run: what the processes and the ledger say, folded into what there is to see. */
export interface MessagesBook {
  /** How many orders the run has. */
  readonly orders: number;
  /** A process of a side says something. */
  hear(side: CallerName, report: SideReport): void;
  /** A process of a side is killed. */
  kill(side: CallerName, role: RoleName): void;
  /** The ledger has a further row. */
  ship(row: LedgerRow): void;
  /** The databases and the broker of a side were asked. A killed process may not have come to report what it saved. */
  measure(side: CallerName, measured: Measured): void;
  /** Nothing more will come: what is not shipped is lost. */
  close(): void;
  view(side: CallerName): Omit<MessagesSideView, "processes">;
}

/** So many of the ledger's rows are shown for each side. */
const ledgerRowsMax = 5;

/** So many incidents are shown for each side. */
const incidentsMax = 8;

export function messagesBook(orders: readonly Order[]): MessagesBook {
  const numbers = new Map(orders.map(({ id }, index) => [id, index + 1]));
  const sides = { careless: sideBook(orders.length), safe: sideBook(orders.length) };
  return {
    orders: orders.length,
    hear: (side, report) => sides[side].hear(report, "order" in report ? numbers.get(report.order) : undefined),
    kill: (side, role) => sides[side].note(`${role}-killed`),
    ship: (row) => sides[row.caller as CallerName].ship(row, numbers.get(row.orderId) ?? 0),
    measure: (side, measured) => sides[side].measure(measured),
    close: () => callerNames.forEach((side) => sides[side].close()),
    view: (side) => sides[side].view(),
  };
}

/** The orders that will never be shipped. Each takes three bytes, so any number fits. */
function lostOrders(orders: number) {
  const facts = {
    /** Its message is with the broker. */
    arrived: new Uint8Array(orders + 1),
    /** Its service will not announce it any more. */
    left: new Uint8Array(orders + 1),
    shipped: new Uint8Array(orders + 1),
  };
  let count = 0;
  const has = (order: number): boolean =>
    facts.left[order] === 1 && facts.arrived[order] === 0 && facts.shipped[order] === 0;
  return {
    get count() {
      return count;
    },
    has,
    /** Notes a fact, which may make the order lost, or found. Says whether it is new. */
    note(order: number, fact: keyof typeof facts): boolean {
      const [isNew, before] = [facts[fact][order] === 0, has(order)];
      facts[fact][order] = 1;
      count += Number(has(order)) - Number(before);
      return isNew;
    },
  };
}

/** The last incidents of a side. */
function recentIncidents() {
  let count = 0;
  let last: readonly IncidentView[] = [];
  return {
    get last() {
      return last;
    },
    note: (what: Incident, order?: number): void => {
      count += 1;
      last = [{ id: count, what, ...(order !== undefined && { order }) }, ...last].slice(0, incidentsMax);
    },
  };
}

/** The account of one side. */
function sideBook(orders: number) {
  const gone = lostOrders(orders);
  const incidents = recentIncidents();
  const { note } = incidents;
  let counts: SideCounts = noCounts;
  let shipments = 0;
  let shippedOrders = 0;
  let isClosed = false;
  let ledger: readonly ChargeView[] = [];
  let measured: Measured = { saved: 0, outbox: 0, queued: 0 };

  const totals = (): MessagesTotals => {
    const { publishes, deliveries } = counts;
    return {
      saved: measured.saved,
      published: publishes.total,
      delivered: deliveries.total,
      repeats: deliveries.repeats,
      shipments,
      duplicates: shipments - shippedOrders,
      lost: isClosed ? orders - shippedOrders : gone.count,
      faults: publishes.total - publishes.pass + deliveries.acknowledgementsLost,
    };
  };
  return {
    note,
    hear(report: SideReport, order = 0): void {
      counts = countReport(counts, report);
      switch (report.event) {
        case "published":
          if (report.scenario === "pass" || report.scenario === "lose-answer") gone.note(order, "arrived");
          if (report.scenario !== "pass") note(publishIncidents[report.scenario], order);
          return;
        case "left":
          if (gone.note(order, "left") && gone.has(order)) note("given-up", order);
          return;
        case "shipped":
          if (report.isRepeat) note("known-already", order);
          return;
        case "acknowledged":
          if (report.isLost) note("acknowledgement-lost", order);
          return;
        case "saved":
        case "done":
          return;
      }
    },
    ship({ id, amount, currency }: LedgerRow, order: number): void {
      const isRepeat = !gone.note(order, "shipped");
      shipments += 1;
      if (isRepeat) note("shipped-again", order);
      else shippedOrders += 1;
      ledger = [{ id, order, amount, currency, isRepeat }, ...ledger].slice(0, ledgerRowsMax);
    },
    measure(now: Measured): void {
      measured = now;
    },
    close(): void {
      isClosed = true;
    },
    view() {
      const { outbox, queued } = measured;
      return { totals: totals(), outbox, queued, ledger, incidents: incidents.last };
    },
  };
}

const publishIncidents = {
  "lose-request": "message-lost",
  fail: "refused",
  "lose-answer": "confirmation-lost",
} as const satisfies Record<string, Incident>;
