import { isCorrect, type CallerResult, type LabResult } from "../../lab/lab-result.ts";
import type { WaitBucket } from "../../lab/waits.ts";
import { type Painter, plainPainter } from "../painter.ts";

/** What a run of the lab found, for people: some thirty lines of at most 80 columns, each ended by a line feed. */
export function formatLabReport(result: LabResult, painter: Painter = plainPainter): string {
  const { careless, safe } = result;
  const lines = [
    formatHeading(result, painter),
    ...formatCrashes(result.crashes),
    "",
    painter.faint(formatColumns("", "careless", "safe")),
    ...countRows(result).map((row) => paintRow(row, careless, safe, painter)),
    "",
    painter.strong("Waits before a retry"),
    ...waitRows(careless, safe, painter),
    "",
    ...formatVerdicts(result, painter),
  ];
  return lines.map((line) => `${line.trimEnd()}\n`).join("");
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

/** One row of the table. */
interface Row {
  readonly label: string;
  readonly value: (result: CallerResult) => string;
  /** Says whether the value is as it should be; absent where none is better than another. */
  readonly isGood?: (result: CallerResult) => boolean;
}

const formatNumber = (value: number): string => value.toLocaleString("en-US");

function countRows({ crashes }: LabResult): readonly Row[] {
  const attempts = (label: string, key: keyof CallerResult["attempts"]): Row => ({
    label,
    value: (result) => formatNumber(result.attempts[key]),
  });
  const good = (label: string, key: "duplicates" | "lost" | "wrongAmounts"): Row => ({
    label,
    value: (result) => formatNumber(result[key]),
    isGood: (result) => result[key] === 0,
  });
  return [
    { label: "orders", value: ({ orders }) => formatNumber(orders) },
    {
      label: "confirmed to the caller",
      value: ({ confirmed }) => formatNumber(confirmed),
      isGood: ({ confirmed, orders }) => confirmed === orders,
    },
    { label: "charges in the ledger", value: ({ charges }) => formatNumber(charges) },
    good("charged too often", "duplicates"),
    good("orders lost", "lost"),
    good("wrong amounts", "wrongAmounts"),
    attempts("attempts", "total"),
    attempts("  without a fault", "pass"),
    attempts("  never arrived", "lose-request"),
    attempts("  arrived and failed", "fail"),
    attempts("  answer lost", "lose-answer"),
    ...(crashes.api === 0 ? [] : [attempts("  (of these, API was down)", "broken")]),
    { label: "answered from memory", value: ({ replayed }) => formatNumber(replayed) },
    { label: "time", value: ({ timeMs }) => `${(timeMs / 1000).toFixed(1)} s` },
  ];
}

const labelWidth = 28;
const valueWidth = 14;

const formatColumns = (label: string, careless: string, safe: string): string =>
  label.padEnd(labelWidth) + careless.padStart(valueWidth) + safe.padStart(valueWidth);

function paintRow({ label, value, isGood }: Row, careless: CallerResult, safe: CallerResult, painter: Painter) {
  const cell = (result: CallerResult): string => {
    const text = value(result).padStart(valueWidth);
    if (isGood === undefined) return text;
    return isGood(result) ? painter.good(text) : painter.bad(text);
  };
  return label.padEnd(labelWidth) + cell(careless) + cell(safe);
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

function formatVerdicts({ careless, safe }: LabResult, painter: Painter): string[] {
  const formatVerdict = (name: string, result: CallerResult): string => {
    if (isCorrect(result)) return painter.good(`${name}: every order confirmed and charged once.`);
    const faults = [
      result.duplicates > 0 && `${formatCount(result.duplicates, "charge")} too many`,
      result.lost > 0 && `${formatCount(result.lost, "order")} lost`,
      result.wrongAmounts > 0 && formatCount(result.wrongAmounts, "wrong amount"),
      result.confirmed < result.orders && `${formatNumber(result.orders - result.confirmed)} in doubt`,
    ];
    return painter.bad(`${name}: ${faults.filter((fault) => fault !== false).join(", ")}.`);
  };
  return [formatVerdict("Careless", careless), formatVerdict("Safe", safe)];
}

const formatPercent = (share: number): string => `${Number((share * 100).toFixed(1))}%`;

const formatCount = (count: number, noun: string): string => `${formatNumber(count)} ${noun}${count === 1 ? "" : "s"}`;

const formatTimes = (count: number): string => (count === 1 ? "once" : formatCount(count, "time"));
