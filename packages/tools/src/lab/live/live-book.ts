import { type CallerName, callerNames } from "../caller-name.ts";
import type { LedgerRow } from "../ledger.ts";
import { type Order, totalOf } from "../orders.ts";
import type { OrderOutcome } from "../send-order.ts";
import { isOver, moveView, sendView } from "./exchange-view.ts";
import type {
  ChargeView,
  ExchangeNews,
  ExchangeView,
  LiveFault,
  LiveTotals,
  OrderFilter,
  OrderPage,
  OrderRow,
} from "./live-protocol.ts";
import { orderSides } from "./order-sides.ts";
import { recentExchanges } from "./recent-exchanges.ts";

/** Keeps account of a run: what the network, the callers and the ledger say, folded into what there is to see. */
export interface LiveBook {
  /** How many orders the run has. */
  readonly orders: number;
  /** A request has come to the network. */
  begin(caller: CallerName, index: number, orderId: string, key: string | undefined): ExchangeView;
  /** It goes on its way. */
  send(view: ExchangeView, fault: LiveFault): void;
  /** The network says what became of it. */
  hear(caller: CallerName, index: number, news: ExchangeNews): void;
  settle(caller: CallerName, orderId: string, outcome: OrderOutcome): void;
  charge(row: LedgerRow): void;
  totals(caller: CallerName): LiveTotals;
  /** The last rows of the ledger for one caller, the latest first. */
  ledger(caller: CallerName): readonly ChargeView[];
  recent(): readonly ExchangeView[];
  moved(): readonly ExchangeView[];
  page(filter: OrderFilter, before: number, limit: number): OrderPage;
}

/** So many of the ledger's rows are shown for each caller. */
const ledgerRowsMax = 5;

export function liveBook(orders: readonly Order[]): LiveBook {
  const numbers = new Map(orders.map(({ id }, index) => [id, index + 1]));
  const sides = { careless: orderSides(orders.length), safe: orderSides(orders.length) };
  const ledgers: Record<CallerName, ChargeView[]> = { careless: [], safe: [] };
  const exchanges = recentExchanges();
  /** Those that are not over; the ring of recent ones may have dropped one of a slow run. */
  const open = new Map<string, ExchangeView>();

  const put = (view: ExchangeView): void => {
    if (isOver(view)) open.delete(view.id);
    else open.set(view.id, view);
    exchanges.put(view);
  };
  const row = (order: number): OrderRow => {
    const { id, currency } = orders[order - 1]!;
    const amount = totalOf(orders[order - 1]!);
    return { order, id, amount, currency, careless: sides.careless.of(order), safe: sides.safe.of(order) };
  };
  return {
    orders: orders.length,
    begin(caller, index, orderId, key) {
      const order = numbers.get(orderId) ?? 0;
      const attempt = sides[caller].attempt(order);
      const way = { at: "held", fate: "pass", mark: "sent", requestMs: 0, answerMs: 0 } as const;
      const view = { id: `${caller}-${index}`, caller, order, attempt, ...(key !== undefined && { key }), ...way };
      put(view);
      return view;
    },
    send: (view, fault) => put(sendView(view, fault)),
    hear(caller, index, news) {
      const view = open.get(`${caller}-${index}`);
      if (view === undefined) return;
      const moved = moveView(view, news);
      put(moved);
      if (moved.mark !== view.mark) sides[caller].mark(view.order, view.attempt, moved.mark);
    },
    settle: (caller, orderId, outcome) => sides[caller].settle(numbers.get(orderId) ?? 0, outcome),
    charge({ id, caller, orderId, amount, currency }) {
      const order = numbers.get(orderId) ?? 0;
      const name = caller as CallerName;
      const isRepeat = sides[name].charge(order) > 1;
      ledgers[name] = [{ id, order, amount, currency, isRepeat }, ...ledgers[name]].slice(0, ledgerRowsMax);
    },
    totals: (caller) => sides[caller].totals,
    ledger: (caller) => ledgers[caller],
    recent: () => exchanges.all(),
    moved: () => exchanges.moved(),
    page(filter, before, limit) {
      const sent = Math.max(...callerNames.map((caller) => sides[caller].sent));
      const found: number[] = [];
      for (let order = sent; order >= 1; order -= 1) {
        if (callerNames.some((caller) => sides[caller].fits(order, filter))) found.push(order);
      }
      const rest = found.filter((order) => order < before);
      const next = rest.length > limit ? { next: rest[limit - 1]! } : undefined;
      return { rows: rest.slice(0, limit).map(row), total: found.length, ...next };
    },
  };
}
