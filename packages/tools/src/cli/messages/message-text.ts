import type { ParkedMessage } from "once-again/outbox";
import type { WholeParkedMessage } from "once-again/internal";
import { alignColumns } from "../keys/columns.ts";
import { formatDuration, type Painter } from "once-again/internal/command";
import { escapeControls } from "../keys/printable.ts";
import { fieldFormat, formatPreview } from "../keys/record-text.ts";

const columns = ["ADDED", "PARKED", "REFUSALS", "TOPIC", "KEY", "ID", "REFUSAL"] as const;

/** How much of a refusal a table shows, characters. */
const refusalLengthMax = 80;

/** How far an outbox counts. */
const countMax = 10_000;

export function formatCount(count: number): string {
  return count < countMax ? String(count) : "10,000 or more";
}

export function countMessages(count: number): string {
  return `${formatCount(count)} ${count === 1 ? "message" : "messages"}`;
}

/** Parked messages for people, a line for each. */
export function formatTable(parked: readonly ParkedMessage[], now: number, painter: Painter): string[] {
  const [titles = "", ...lines] = alignColumns([columns, ...parked.map((message) => formatCells(message, now))]);
  return [painter.strong(titles), ...lines];
}

function formatCells(message: ParkedMessage, now: number): string[] {
  const { id, topic, orderingKey, addedAt, parkedAt, refusals, refusal } = message;
  const shown = refusal.length > refusalLengthMax ? `${refusal.slice(0, refusalLengthMax)}…` : refusal;
  return [
    `${formatDuration(now - addedAt)} ago`,
    `${formatDuration(now - parkedAt)} ago`,
    String(refusals),
    escapeControls(topic),
    orderingKey === undefined ? "-" : escapeControls(orderingKey),
    escapeControls(id),
    escapeControls(shown),
  ];
}

/** One parked message for people. */
export function formatMessage(message: WholeParkedMessage, now: number, painter: Painter): string[] {
  const { id, topic, orderingKey, headers, body, addedAt, parkedAt, refusals, refusal, blocks } = message;
  const field = fieldFormat(painter);
  const time = (ms: number): string => `${new Date(ms).toISOString()} (${formatDuration(now - ms)} ago)`;
  return [
    field("id", escapeControls(id)),
    field("topic", escapeControls(topic)),
    field("ordering key", orderingKey === undefined ? "-" : escapeControls(orderingKey)),
    field("added", time(addedAt)),
    field("parked", time(parkedAt)),
    field("holds up", blocks ? "the later messages of its ordering key" : "none"),
    field("refusals", String(refusals)),
    field("refusal", painter.bad(escapeControls(refusal))),
    field("body", `${body.length} bytes`),
    ...Object.entries(headers).map(([name, value]) => `  ${escapeControls(name)}: ${escapeControls(value)}`),
    ...formatPreview(body),
  ];
}

/** Says that no message is parked by an id. */
export function notParked(id: string): string {
  return `${escapeControls(id)}: No message is parked by this id: it was published or discarded, still waits, or never was.`;
}
