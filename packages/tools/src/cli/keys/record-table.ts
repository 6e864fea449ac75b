import { formatDuration, type Painter } from "once-again/internal/command";
import type { InspectedRecord } from "once-again/stores";
import { alignColumns } from "./columns.ts";
import { escapeControls } from "./printable.ts";

const columns = ["STATE", "AGE", "ATTEMPT", "LEASE", "EXPIRES", "SCOPE", "KEY"] as const;

/** Records for people, a line for each. What may be long stands last, whole, so that it can be copied. */
export function formatTable(records: readonly InspectedRecord[], now: number, painter: Painter): string[] {
  const [titles = "", ...lines] = alignColumns([columns, ...records.map((found) => formatCells(found, now))]);
  return [painter.strong(titles), ...lines.map((line, index) => stateColour(records[index]!, painter)(line))];
}

function formatCells({ scope, key, state, record }: InspectedRecord, now: number): string[] {
  return [
    state,
    formatDuration(now - record.createdAt),
    String(record.attempt),
    formatLease({ state, record }, now),
    record.expiresAt === Number.POSITIVE_INFINITY ? "never" : `in ${formatDuration(record.expiresAt - now)}`,
    escapeControls(scope),
    escapeControls(key),
  ];
}

/** What is left of a lease, or for how long it has been over; the store's clock decided which. */
export function formatLease({ state, record }: Pick<InspectedRecord, "state" | "record">, now: number): string {
  if (state === "done") return "-";
  return state === "running"
    ? `${formatDuration(record.leaseUntil - now)} left`
    : `over ${formatDuration(now - record.leaseUntil)}`;
}

export function stateColour({ state }: InspectedRecord, painter: Painter): (text: string) => string {
  if (state === "abandoned" || state === "broken") return (text) => painter.bad(text);
  return (text) => (state === "done" ? text : painter.good(text));
}
