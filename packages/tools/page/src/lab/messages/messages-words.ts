import type { Incident, MessagesSideView, MessagesState } from "../../../../src/lab/messages/live/messages-protocol.ts";
import { count, type Tone } from "../words.ts";

/** Each incident in a few words. */
export const incidentWords: Readonly<Record<Incident, { readonly text: string; readonly tone: Tone }>> = {
  "message-lost": { text: "message lost on the way", tone: "warning" },
  refused: { text: "message refused by the broker", tone: "warning" },
  "confirmation-lost": { text: "published, confirmation lost", tone: "warning" },
  "acknowledgement-lost": { text: "shipped, acknowledgement lost", tone: "warning" },
  "given-up": { text: "saved, never announced: lost", tone: "bad" },
  "known-already": { text: "came again, known to the inbox", tone: "good" },
  "shipped-again": { text: "shipped again", tone: "bad" },
  "service-killed": { text: "the order service was killed", tone: "warning" },
  "shipping-killed": { text: "shipping was killed", tone: "warning" },
};

export const brokerWords: Readonly<Record<MessagesState["broker"], string>> = {
  embedded: "the lab\u2019s own",
  rabbitmq: "RabbitMQ",
  nats: "NATS JetStream",
};

/** Where a run stands. */
export function phaseWords({ phase, settings, orders, sides }: MessagesState): string {
  const { careless, safe } = sides;
  switch (phase) {
    case "idle":
      return `Ready to save ${count(settings.orders)} orders.`;
    case "starting":
      return "Starting two order services and two shippings…";
    case "running":
      return careless.totals.saved === orders && safe.totals.saved === orders
        ? "All orders are saved. What is announced is still shipped."
        : `Saving ${count(orders)} orders.`;
    case "paused":
      return "Paused. What is saved is still announced and shipped; the next orders wait.";
    case "failed":
      return "The run ended early.";
    case "finished":
      return `Finished. Shipped too often: careless ${count(careless.totals.duplicates)}, safe ${count(safe.totals.duplicates)}. Lost: careless ${count(careless.totals.lost)}, safe ${count(safe.totals.lost)}.`;
  }
}

/** How a side did in the end. */
export function verdictWords({ totals }: MessagesSideView, orders: number): { text: string; tone: Tone } {
  const { saved, duplicates, lost } = totals;
  const faults = [
    duplicates > 0 && `${count(duplicates)} ${duplicates === 1 ? "parcel" : "parcels"} too many`,
    lost > 0 && `${count(lost)} ${lost === 1 ? "order" : "orders"} never shipped`,
    saved < orders && `${count(orders - saved)} not saved`,
  ].filter((fault) => fault !== false);
  if (faults.length > 0) return { text: `✗ ${faults.join(", ")}.`, tone: "bad" };
  return { text: `✓ ${count(orders)} orders, each saved and shipped once.`, tone: "good" };
}
