import { type CheckoutResult, type CheckoutSideResult, isPaidOnce } from "../../lab/checkout/checkout-result.ts";
import { type Painter, plainPainter } from "once-again/internal/command";
import { formatPercent, formatReport, numberRow, type Row, timeRow, type Verdict, zeroRow } from "./side-table.ts";
import { formatCount, formatNumber } from "../count-text.ts";

/** The report of a run of the story of the checkout: some twenty lines of at most 80 columns. */
export function formatCheckoutReport(result: CheckoutResult, painter: Painter = plainPainter): string {
  const { safe, faults, seed, browsers } = result;
  const heading = [
    `${painter.strong(formatCount(safe.orders, "customer"))} press Pay, seed ${seed}; the network loses a part of ${formatPercent(faults)} of payments.`,
    `Then ${browsers === 1 ? "the browser is" : `each of ${formatNumber(browsers)} browsers is`} killed and started again, on both sides.`,
    "The careless page starts anew; the safe one has its intents on disk.",
    "A customer who has not seen “Paid” presses again if the page offers it.",
  ];
  return formatReport({ heading, rows, verdictOf }, result, painter);
}

const rows: readonly Row<CheckoutSideResult>[] = [
  numberRow("orders", ({ orders }) => orders),
  {
    label: "“Paid” to the customer",
    value: ({ paid }) => formatNumber(paid),
    isGood: ({ paid, orders }) => paid === orders,
  },
  numberRow("charges in the ledger", ({ charges }) => charges),
  zeroRow("paid too often", ({ duplicates }) => duplicates),
  zeroRow("never charged", ({ lost }) => lost),
  zeroRow("wrong amounts", ({ wrongAmounts }) => wrongAmounts),
  numberRow("payments sent", ({ payments }) => payments.total),
  numberRow("  never arrived", ({ payments }) => payments["lose-request"]),
  numberRow("  answer lost", ({ payments }) => payments["lose-answer"]),
  numberRow("presses of Pay", ({ presses }) => presses),
  numberRow("resumed from disk", ({ resumed }) => resumed),
  numberRow("answered from memory", ({ replayed }) => replayed),
  timeRow,
];

function verdictOf(side: CheckoutSideResult): Verdict {
  if (isPaidOnce(side)) return "every customer paid once, and knows it";
  return [
    side.duplicates > 0 && `${formatCount(side.duplicates, "charge")} too many`,
    side.lost > 0 && `${formatCount(side.lost, "order")} never charged`,
    side.wrongAmounts > 0 && formatCount(side.wrongAmounts, "wrong amount"),
    side.paid < side.orders && `${formatNumber(side.orders - side.paid)} in doubt`,
  ];
}
