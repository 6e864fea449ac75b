import { isCorrect, type CallerResult, type LabResult } from "../../lab/lab-result.ts";
import type { WaitBucket } from "../../lab/waits.ts";
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

/** The report of a run of the lab: some thirty lines of at most 80 columns, each ended by a line feed. */
export function formatLabReport(result: LabResult, painter: Painter = plainPainter): string {
  const { careless, safe, crashes } = result;
  const heading = [formatHeading(result, painter), ...formatCrashes(crashes)];
  const details = [painter.strong("Waits before a retry"), ...waitRows(careless, safe, painter)];
  return formatReport({ heading, rows: countRows(result), details, verdictOf }, result, painter);
}

function formatHeading({ seed, faults, safe }: LabResult, painter: Painter): string {
  return `${painter.strong(formatCount(safe.orders, "order"))}, ${formatPercent(faults)} of attempts meet a fault, seed ${seed}`;
}

function formatCrashes({ api, caller }: LabResult["crashes"]): string[] {
  if (api + caller === 0) return [];
  return [
    `API killed ${formatTimes(api)}, each caller ${formatTimes(caller)}. After that the careless caller sends`,
    "again what it has no note of as settled; the safe one resumes its intents.",
  ];
}

function countRows({ crashes }: LabResult): readonly Row<CallerResult>[] {
  const attempts = (label: string, key: keyof CallerResult["attempts"]): Row<CallerResult> =>
    numberRow(label, (result) => result.attempts[key]);
  const good = (label: string, key: "duplicates" | "lost" | "wrongAmounts"): Row<CallerResult> =>
    zeroRow(label, (result) => result[key]);
  return [
    numberRow("orders", ({ orders }) => orders),
    {
      label: "confirmed to the caller",
      value: ({ confirmed }) => formatNumber(confirmed),
      isGood: ({ confirmed, orders }) => confirmed === orders,
    },
    numberRow("charges in the ledger", ({ charges }) => charges),
    good("charged too often", "duplicates"),
    good("orders lost", "lost"),
    good("wrong amounts", "wrongAmounts"),
    attempts("attempts", "total"),
    attempts("  without a fault", "pass"),
    attempts("  never arrived", "lose-request"),
    attempts("  arrived and failed", "fail"),
    attempts("  answer lost", "lose-answer"),
    ...(crashes.api === 0 ? [] : [attempts("  (of these, API was down)", "broken")]),
    numberRow("answered from memory", ({ replayed }) => replayed),
    timeRow,
  ];
}

/** How wide the longest bar is, characters. */
const barWidth = 20;

/** Two histograms side by side, each scaled to its own longest bar, from the shortest wait there was to the longest. */
function waitRows(careless: CallerResult, safe: CallerResult, painter: Painter): string[] {
  const pairs = careless.waits.histogram.map((bucket, index) => [bucket, safe.waits.histogram[index]!] as const);
  const isUsed = ([one, other]: (typeof pairs)[number]): boolean => one.count + other.count > 0;
  const used = pairs.slice(pairs.findIndex(isUsed), pairs.findLastIndex(isUsed) + 1);
  if (used.length === 0) return ["  none"];
  const longest = [careless, safe].map(({ waits }) => Math.max(...waits.histogram.map(({ count }) => count)));
  const labels = used.map(([bucket]) => formatRange(bucket));
  const width = Math.max(...labels.map((label) => label.length));
  const side = ({ count }: WaitBucket, index: number): string => {
    const shown = drawBar(count, longest[index]!, barWidth);
    const rest = (count === 0 ? "" : ` ${formatNumber(count)}`).padEnd(barWidth + 8 - shown.length);
    return (index === 1 ? painter.good(shown) : painter.bad(shown)) + rest;
  };
  const title = `  ${" ".repeat(width)}  ${"careless".padEnd(barWidth + 8)}safe`;
  return [
    painter.faint(title),
    ...used.map(([one, other], row) => `  ${labels[row]!.padStart(width)}  ${side(one, 0)}${side(other, 1)}`),
  ];
}

const formatRange = ({ fromMs, toMs }: WaitBucket): string =>
  toMs === null ? `${fromMs} ms and more` : `${fromMs}-${toMs} ms`;

/** From an eighth of a character to a whole one. */
const eighths = [..."▏▎▍▌▋▊▉█"];

/** A bar of block characters, as long as `count` is of `max`; at least a sliver for what is not 0. */
export function drawBar(count: number, max: number, width: number): string {
  if (count === 0) return "";
  const length = Math.max(1, Math.round((count / max) * width * eighths.length));
  const part = length % eighths.length;
  return eighths.at(-1)!.repeat(Math.floor(length / eighths.length)) + (part === 0 ? "" : eighths[part - 1]!);
}

function verdictOf(result: CallerResult): Verdict {
  if (isCorrect(result)) return "every order confirmed and charged once";
  return [
    result.duplicates > 0 && `${formatCount(result.duplicates, "charge")} too many`,
    result.lost > 0 && `${formatCount(result.lost, "order")} lost`,
    result.wrongAmounts > 0 && formatCount(result.wrongAmounts, "wrong amount"),
    result.confirmed < result.orders && `${formatNumber(result.orders - result.confirmed)} in doubt`,
  ];
}
