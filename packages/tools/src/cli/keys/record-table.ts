import type { Painter } from "../../lab/report.ts";
import type { InspectedRecord } from "once-again/stores";
import { duration } from "./durations.ts";
import { printable } from "./printable.ts";

const columns = ["STATE", "AGE", "ATTEMPT", "LEASE", "EXPIRES", "SCOPE", "KEY"] as const;

/** Records for people, a line for each. What may be long stands last, whole, so that it can be copied. */
export function recordTable(records: readonly InspectedRecord[], now: number, painter: Painter): string[] {
  const rows = records.map((found) => cells(found, now));
  const widths = columns.map((title, column) => Math.max(title.length, ...rows.map((row) => row[column]!.length)));
  const line = (row: readonly string[]): string => row.map((cell, column) => cell.padEnd(widths[column]!)).join("  ");
  return [
    painter.strong(line(columns).trimEnd()),
    ...rows.map((row, index) => stateColour(records[index]!, painter)(line(row).trimEnd())),
  ];
}

function cells({ scope, key, state, record }: InspectedRecord, now: number): string[] {
  return [
    state,
    duration(now - record.createdAt),
    String(record.attempt),
    leaseText({ state, record }, now),
    `in ${duration(record.expiresAt - now)}`,
    printable(scope),
    printable(key),
  ];
}

/** What is left of a lease, or for how long it has been over; the store's clock decided which. */
export function leaseText({ state, record }: Pick<InspectedRecord, "state" | "record">, now: number): string {
  if (state === "done") return "-";
  return state === "running"
    ? `${duration(record.leaseUntil - now)} left`
    : `over ${duration(now - record.leaseUntil)}`;
}

export function stateColour({ state }: InspectedRecord, painter: Painter): (text: string) => string {
  if (state === "abandoned") return (text) => painter.bad(text);
  return (text) => (state === "done" ? text : painter.good(text));
}
