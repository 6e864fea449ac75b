import type { Ground } from "../ground.ts";
import type { Measured } from "../measure.ts";
import { markdownTable } from "../page.ts";
import { goals, type PartName } from "./catalog.ts";
import type { MeasuredParts } from "./run.ts";

/** The record of a run. */
export interface MessageResults extends Ground {
  readonly rounds: number;
  readonly messages: number;
  readonly rows: number;
  readonly rate: number;
  readonly milliseconds: number;
  /** Other work of the machine: its load average when the run ended. */
  readonly load: number;
  readonly measured: MeasuredParts;
}

interface Column {
  readonly head: string;
  readonly figure: string;
  readonly digits: number;
}

const titles: Readonly<Record<PartName, (results: MessageResults) => string>> = {
  throughput: ({ messages }) => `a backlog of ${count(messages)} messages to RabbitMQ`,
  latency: ({ rate }) => `COMMIT to handler, ${count(rate)} messages a second`,
  backlog: ({ rows }) => `the same, of ${count(rows)} more`,
  commits: ({ rate }) => `COMMIT, ${count(rate)} a second`,
  notify: () => "commits as fast as they go",
  notifyLatency: ({ rate }) => `${count(2 * rate)} commits a second, and a relay`,
};

const columns: Readonly<Record<PartName, readonly Column[]>> = {
  throughput: [
    { head: "messages/s", figure: "perSecond", digits: 0 },
    { head: "µs of the relay", figure: "cpuMicroseconds", digits: 0 },
  ],
  latency: [
    { head: "p50, ms", figure: "latencyP50", digits: 1 },
    { head: "p99, ms", figure: "latencyP99", digits: 1 },
  ],
  backlog: [{ head: "messages/s", figure: "perSecond", digits: 0 }],
  commits: [
    { head: "p50, ms", figure: "commitP50", digits: 1 },
    { head: "p99, ms", figure: "commitP99", digits: 1 },
  ],
  notify: [
    { head: "commits/s", figure: "perSecond", digits: 0 },
    { head: "p50, ms", figure: "commitP50", digits: 1 },
    { head: "p99, ms", figure: "commitP99", digits: 1 },
    { head: "µs of all", figure: "cpuMicroseconds", digits: 0 },
  ],
  notifyLatency: [
    { head: "COMMIT p50, ms", figure: "commitP50", digits: 1 },
    { head: "p99", figure: "commitP99", digits: 1 },
    { head: "to the relay p50, ms", figure: "latencyP50", digits: 1 },
    { head: "p99", figure: "latencyP99", digits: 1 },
    { head: "µs of all", figure: "cpuMicroseconds", digits: 0 },
  ],
};

/** A table for each part. */
export function messageTables(results: MessageResults): string {
  const tables = Object.entries(results.measured).map(([part, rows]) => tableOf(part as PartName, rows, results));
  return tables.join("\n\n");
}

function tableOf(part: PartName, rows: readonly Measured<string>[], results: MessageResults): string {
  const shown = columns[part];
  return markdownTable(
    [titles[part](results), ...shown.flatMap(({ head }) => [head, "ratio"])],
    rows.map((row) => [row.name, ...shown.flatMap((column) => cellsOf(row, column))]),
  );
}

function cellsOf({ medians, ratios, ratioRanges }: Measured<string>, { figure, digits }: Column): string[] {
  const [low, high] = ratioRanges[figure]!;
  return [
    medians[figure]!.toLocaleString("en", { maximumFractionDigits: digits }),
    `${ratios[figure]!.toFixed(2)} (${low.toFixed(2)}-${high.toFixed(2)})`,
  ];
}

/** Which goals of the design are met. */
export function messageGoals({ measured }: MessageResults): string {
  const lines = goals.flatMap(({ part, row: name, text, isMet }) => {
    const row = measured[part]?.find((one: Measured<string>) => one.name === name);
    return row === undefined ? [] : [`- ${isMet(row) ? "Met" : "**Missed**"}: ${text}.`];
  });
  return lines.join("\n");
}

const count = (number: number): string => number.toLocaleString("en");
