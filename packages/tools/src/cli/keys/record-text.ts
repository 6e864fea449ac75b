import { formatDuration, type Painter } from "once-again/internal/command";
import { type DetailsView, heldReason } from "../../admin/details.ts";
import { escapeControls } from "./printable.ts";
import { formatLease, stateColour } from "./record-table.ts";
import { keyState } from "../../admin/key-state.ts";
import type { Release } from "../../admin/releases.ts";
import type { RecordView } from "../../admin/show.ts";
import type { StoredValue } from "../../admin/stored-value.ts";

/** How much of a body or a step's value people are shown, bytes. `--json` has all of it. */
const previewBytesMax = 2048;

const meanings = {
  running: "a worker owns it",
  held: "its worker ended without a result: it may or may not have happened",
  done: "its result is stored",
  broken: "no store has written it so",
} as const;

/** One record for people. */
export function formatRecord(view: RecordView, now: number, painter: Painter): string[] {
  const { found, steps, result, note, details } = view;
  const { scope, key, state, record } = found;
  const colour = stateColour(found, painter);
  const field = fieldFormat(painter);
  const time = (ms: number): string => new Date(ms).toISOString();
  return [
    field("scope", escapeControls(scope)),
    field("key", escapeControls(key)),
    field("state", `${colour(keyState(found))}: ${found.problem ?? meanings[keyState(found)]}`),
    ...formatDetails(found, details).map(([name, text]) => field(name, escapeControls(text))),
    field("attempt", `${record.attempt}`),
    field("fence", `${record.fence}`),
    field("fingerprint", escapeControls(record.fingerprint)),
    field("owner", record.owner === "" ? "-" : escapeControls(record.owner)),
    ...(found.aheadMs === undefined ? [] : [field("clock", formatAhead(found.aheadMs))]),
    field("created", `${time(record.createdAt)} (${formatDuration(now - record.createdAt)} ago)`),
    field("lease", state === "done" ? "-" : `${time(record.leaseUntil)} (${formatLease(found, now)})`),
    field("expires", formatExpiry(record.expiresAt, now)),
    ...(record.settledAt === undefined ? [] : [field("settled", formatSettlement(record.settledAt, note, now))]),
    ...view.releases.map((release) => field("released", formatRelease(release, now))),
    ...steps.flatMap(([place, value]) => formatValue(`step ${place}`, value, field)),
    ...(result === undefined ? [] : formatValue("result", result, field)),
  ];
}

/** The clock of a store that was set back is behind the times of what it wrote before. */
function formatAhead(aheadMs: number): string {
  return `it was ${formatDuration(aheadMs)} ahead or more when this key was claimed or settled, and was set back`;
}

/** The facts of an operation, by name. */
function formatDetails(found: RecordView["found"], details: DetailsView): [name: string, text: string][] {
  if (details === undefined) return [];
  if ("sealedWith" in details)
    return [["details", `sealed with the key "${details.sealedWith}": --seal-key opens them`]];
  const { label, route, worker, traceId } = details;
  const facts = { label, route, worker, trace: traceId, reason: heldReason(found, details)?.sentence };
  return Object.entries(facts).flatMap(([name, text]) => (text === undefined ? [] : [[name, text]]));
}

function formatSettlement(settledAt: number, note: RecordView["note"], now: number): string {
  const when = `${new Date(settledAt).toISOString()} (${formatDuration(now - settledAt)} ago)`;
  if (note === undefined) return `${when}, by a person who left no note`;
  if ("sealedWith" in note) return `${when}, by whom is sealed with the key "${escapeControls(note.sealedWith)}"`;
  return `${when} by ${escapeControls(note.author)}: ${escapeControls(note.reason)}`;
}

/** A release of the key by a person. */
export function formatRelease({ releasedAt, author, reason, isKnown }: Release, now: number): string {
  const when = `${new Date(releasedAt).toISOString()} (${formatDuration(Math.max(0, now - releasedAt))} ago)`;
  const doubt = isKnown ? "" : " (begun, and it is unknown whether it was done)";
  return `${when} by ${escapeControls(author)}: ${escapeControls(reason)}${doubt}`;
}

function formatExpiry(expiresAt: number, now: number): string {
  if (expiresAt === Number.POSITIVE_INFINITY) return "never, until it has a result";
  return `${new Date(expiresAt).toISOString()} (in ${formatDuration(expiresAt - now)})`;
}

/** Makes lines of a name and its value. */
export function fieldFormat(painter: Painter): (name: string, value: string) => string {
  return (name, value) => `${painter.faint(name.padEnd(12))} ${value}`;
}

function formatValue(title: string, value: StoredValue, field: (name: string, value: string) => string): string[] {
  switch (value.kind) {
    case "answer": {
      const { status, headers, body } = value.answer;
      return [
        field(title, `HTTP ${status}, ${body.length} bytes`),
        ...headers.map(([name, value]) => `  ${escapeControls(name)}: ${escapeControls(value)}`),
        ...formatPreview(body),
      ];
    }
    case "step": {
      const { name, begun } = value.step;
      const status = begun ? "begun, and it is unknown whether it happened" : "done";
      return [
        field(title, `"${escapeControls(name)}": ${status}`),
        ...(value.step.value === undefined ? [] : formatPreview(encodeJson(value.step.value))),
      ];
    }
    case "sealed":
      return [field(title, `sealed with the key "${escapeControls(value.keyId)}": --seal-key opens it`)];
    case "broken":
      return [field(title, `${value.code}: ${escapeControls(value.problem)}`)];
    case "bytes":
      return [field(title, `${value.bytes.length} bytes`), ...formatPreview(value.bytes)];
  }
}

function encodeJson(value: unknown): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(value));
}

/** The beginning of some bytes, as text if that is what they are. */
export function formatPreview(bytes: Uint8Array): string[] {
  const shown = bytes.subarray(0, previewBytesMax);
  const hidden = bytes.length - shown.length;
  const lines = decodeText(shown)?.split(/\r?\n/) ?? [`(not text) ${Buffer.from(shown).toString("base64")}`];
  return [
    ...(bytes.length === 0 ? [] : lines.map((line) => `  ${escapeControls(line)}`)),
    ...(hidden > 0 ? [`  … and ${hidden} more bytes: --json has them`] : []),
  ];
}

/** The text that bytes are in UTF-8; the last character may be cut off. */
function decodeText(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes, { stream: true });
  } catch {
    return undefined;
  }
}
