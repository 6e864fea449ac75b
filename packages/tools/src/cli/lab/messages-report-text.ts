import { isClean, type MessagesResult, type SideResult } from "../../lab/messages/messages-result.ts";
import { type Painter, plainPainter } from "once-again/internal/command";
import {
  formatPercent,
  formatReport,
  formatTimes,
  numberRow,
  type Row,
  timeRow,
  type Verdict,
  zeroRow,
} from "./side-table.ts";
import { formatCount, formatNumber } from "../count-text.ts";

const brokers: Readonly<Record<MessagesResult["broker"], string>> = {
  embedded: "the lab's own broker",
  rabbitmq: "RabbitMQ",
  nats: "NATS JetStream",
};

/** The report of a run of the story of messages: some thirty lines of at most 80 columns. */
export function formatMessagesReport(result: MessagesResult, painter: Painter = plainPainter): string {
  const { safe, faults, seed, broker, crashes } = result;
  const heading = [
    `${painter.strong(formatCount(safe.orders, "order"))} through ${brokers[broker]}, seed ${seed}; ${formatPercent(faults)} of messages meet a fault.`,
    `Each order service is killed ${formatTimes(crashes.service)}, each shipping ${formatTimes(crashes.shipping)}.`,
    "The careless service saves, then publishes; its shipping ships what comes.",
    "The safe one has an outbox and a relay; its shipping has an inbox.",
  ];
  return formatReport({ heading, rows, verdictOf }, result, painter);
}

const publishes = (label: string, key: keyof SideResult["publishes"]): Row<SideResult> =>
  numberRow(label, (result) => result.publishes[key]);

const rows: readonly Row<SideResult>[] = [
  numberRow("orders", ({ orders }) => orders),
  {
    label: "saved",
    value: ({ saved }) => formatNumber(saved),
    isGood: ({ saved, orders }) => saved === orders,
  },
  numberRow("shipments in the ledger", ({ shipments }) => shipments),
  zeroRow("shipped too often", ({ duplicates }) => duplicates),
  zeroRow("never shipped", ({ lost }) => lost),
  zeroRow("wrong amounts", ({ wrongAmounts }) => wrongAmounts),
  publishes("messages published", "total"),
  publishes("  without a fault", "pass"),
  publishes("  never arrived", "lose-request"),
  publishes("  refused by the broker", "fail"),
  publishes("  confirmation lost", "lose-answer"),
  numberRow("messages handled", ({ deliveries }) => deliveries.total),
  numberRow("  known already", ({ deliveries }) => deliveries.repeats),
  numberRow("  acknowledgement lost", ({ deliveries }) => deliveries.acknowledgementsLost),
  timeRow,
];

function verdictOf(side: SideResult): Verdict {
  if (isClean(side)) return "every order saved and shipped once";
  return [
    side.duplicates > 0 && `${formatCount(side.duplicates, "parcel")} too many`,
    side.lost > 0 && `${formatCount(side.lost, "order")} never shipped`,
    side.wrongAmounts > 0 && formatCount(side.wrongAmounts, "wrong amount"),
    side.saved < side.orders && `${formatCount(side.orders - side.saved, "order")} not saved`,
  ];
}
