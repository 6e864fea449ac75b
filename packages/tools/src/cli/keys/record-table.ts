import { formatDuration, type Painter } from "once-again/internal/command";
import type { InspectedRecord } from "once-again/stores";
import { type DetailsView, heldReason, readStoredDetails } from "../../admin/details.ts";
import { keyState } from "../../admin/key-state.ts";
import type { Release } from "../../admin/releases.ts";
import { alignColumns } from "./columns.ts";
import { escapeControls } from "./printable.ts";

const columns = ["STATE", "AGE", "ATTEMPT", "LEASE", "EXPIRES"] as const;
const names = ["SCOPE", "KEY"] as const;
/** Where one of the records has details. */
const detailColumns = ["REASON", "REQUEST"] as const;

/** Records for people, a line for each. What may be long stands last, whole, so that it can be copied. */
export function formatTable(records: readonly InspectedRecord[], now: number, painter: Painter): string[] {
  const hasDetails = records.some(({ record }) => record.details !== undefined);
  const [titles = "", ...lines] = alignColumns([
    [...columns, ...(hasDetails ? detailColumns : []), ...names],
    ...records.map((found) => formatCells(found, now, hasDetails)),
  ]);
  return [painter.strong(titles), ...lines.map((line, index) => stateColour(records[index]!, painter)(line))];
}

/** Releases for people, a line for each. */
export function formatReleases(releases: readonly Release[], now: number, painter: Painter): string[] {
  const [titles = "", ...lines] = alignColumns([
    ["RELEASED", "BY", "REQUEST", "REASON", "SCOPE", "KEY"],
    ...releases.map(({ releasedAt, author, label, reason, isKnown, scope, key }) => [
      `${formatDuration(Math.max(0, now - releasedAt))} ago${isKnown ? "" : ", or not"}`,
      ...[author, label ?? "-", reason, scope, key].map(escapeControls),
    ]),
  ]);
  return [painter.strong(titles), ...lines];
}

function formatCells(found: InspectedRecord, now: number, withDetails: boolean): string[] {
  const { scope, key, state, record } = found;
  const details = readStoredDetails(record);
  return [
    keyState(found),
    found.aheadMs === undefined ? formatDuration(now - record.createdAt) : `ahead ${formatDuration(found.aheadMs)}`,
    String(record.attempt),
    formatLease({ state, record }, now),
    record.expiresAt === Number.POSITIVE_INFINITY ? "never" : `in ${formatDuration(record.expiresAt - now)}`,
    ...(withDetails ? [heldReason(found, details)?.word ?? "-", escapeControls(formatRequest(details))] : []),
    escapeControls(scope),
    escapeControls(key),
  ];
}

/** A request in a few words. */
function formatRequest(details: DetailsView): string {
  if (details === undefined) return "-";
  if ("sealedWith" in details) return `sealed with the key "${details.sealedWith}"`;
  return details.label ?? details.route ?? "-";
}

/** The time that is left of a lease, or since it ended; the store's clock decided which. */
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
