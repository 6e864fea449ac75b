import type { Ground } from "../ground.ts";
import { median } from "../measure.ts";
import { besideOf, type Group, groupsOf, isEven } from "./group.ts";
import type { MemoryMeasured } from "./memory.ts";
import type { ServerMeasured } from "./run.ts";
import type { FigureName } from "./subject.ts";

/** The record of a run of the benchmark. */
export interface ServerResults extends Ground {
  readonly rounds: number;
  readonly milliseconds: number;
  readonly connections: number;
  readonly measured: readonly ServerMeasured[];
}

/** The cells of `cellsOf`, in its order. */
export const columns = ["first", "replay", "first, µs", "replay, µs", "first, µs store", "replay, µs store"] as const;

/** A peer's figure that the run can't tell from ours. */
const even = "≈ ";

/** The results as tables for a terminal, one for each framework and store. */
export function serverTables({ measured }: ServerResults): string {
  return groupsOf(measured)
    .map((group) => {
      const table = [[group.title, ...columns], ...group.rows.map((row) => [row.name, ...cellsOf(group, row)])];
      return [...textTable(table), ...baselinesOf(group)].join("\n");
    })
    .join("\n\n");
}

/** The memory that is left, as a table for a terminal. */
export function memoryTable(measured: readonly MemoryMeasured[]): string {
  const megabytes = (bytes = Number.NaN): string => `${(bytes / 2 ** 20).toFixed(2)} MiB`;
  const head = ["heap after full collections", "requests", "after a fifth", "in the end", "bytes per request"];
  const rows = measured.map(({ framework, store, name, requests, heapBytes, bytesPerRequest }) => [
    `${framework} + ${store}, ${name}`,
    requests.toLocaleString("en"),
    megabytes(heapBytes[0]),
    megabytes(heapBytes.at(-1)),
    bytesPerRequest.toFixed(2),
  ]);
  return textTable([head, ...rows]).join("\n");
}

function textTable(table: readonly (readonly string[])[]): string[] {
  const widths = table[0]?.map((_, column) => Math.max(...table.map((line) => line[column]?.length ?? 0))) ?? [];
  const padded = (cell: string, column: number): string =>
    column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0);
  return table.map((line) => line.map(padded).join("  ").trimEnd());
}

/** Ratios of requests per second to the baseline's; processor time of the server and of the store's; each with its spread. */
export function cellsOf(group: Group, row: ServerMeasured): string[] {
  const mark = (name: FigureName): string => (isEven(group, row, name) ? even : "");
  const ratio = (name: FigureName): string => {
    const [low, high] = row.ratioRanges[name];
    return `${mark(name)}${row.ratios[name].toFixed(2)} (${low.toFixed(2)}-${high.toFixed(2)})`;
  };
  const microseconds = (name: FigureName): string => {
    const figures = row.rounds.map((round) => round[name] ?? Number.NaN);
    if (figures.some(Number.isNaN)) return "";
    return `${mark(name)}${amount(median(figures))} (${amount(Math.min(...figures))}-${amount(Math.max(...figures))})`;
  };
  return [
    ratio("firstPerSecond"),
    ratio("replayPerSecond"),
    microseconds("firstCpuMicroseconds"),
    microseconds("replayCpuMicroseconds"),
    microseconds("firstStoreMicroseconds"),
    microseconds("replayStoreMicroseconds"),
  ];
}

/** The baselines of a group's ratios, a line for each baseline. */
export function baselinesOf({ rows }: Group): string[] {
  const perSecond = (figure: number): string => Math.round(figure).toLocaleString("en");
  return rows
    .filter(({ name, baseline }) => name === baseline)
    .map(
      ({ name, medians }) =>
        `1.00 of \`${name}\`: ${perSecond(medians.firstPerSecond)} first requests per second, ${perSecond(medians.replayPerSecond)} repeats.`,
    );
}

export const costColumns = ["µs of the server, new key / repeat", "no keys", "once-again"] as const;

/** The cost of a request with our keys and with those of others: a row for each of ours, a column for each peer. */
export function costTable(measured: readonly ServerMeasured[]): { head: string[]; rows: string[][] } {
  const groups = groupsOf(measured);
  const peers = [...new Set(groups.flatMap((group) => group.rows.filter((row) => besideOf(group, row)).map(peerOf)))];
  const rows = groups.flatMap((group) =>
    group.rows
      .filter(({ name }) => name.startsWith("once-again"))
      .map((ours) => {
        const baseline = group.rows.find(({ name }) => name === ours.baseline);
        const rivals = group.rows.filter((row) => besideOf(group, row) === ours);
        return [
          `${group.title}${ours.name.replace(/^once-again,?/, "").replace(/^ ?(.+)$/, " ($1)")}`,
          baseline === undefined ? "" : cost(group, baseline),
          `**${cost(group, ours)}**`,
          ...peers.map((peer) =>
            cheapest(
              group,
              rivals.filter((rival) => peerOf(rival) === peer),
            ),
          ),
        ];
      }),
  );
  return { head: [...costColumns, ...peers], rows };
}

/** A peer that is measured in several ways has one column. */
const peerOf = ({ name }: ServerMeasured): string => name.split(",")[0] ?? name;

function cheapest(group: Group, rows: readonly ServerMeasured[]): string {
  const [best] = rows.toSorted((one, other) => one.medians.firstCpuMicroseconds - other.medians.firstCpuMicroseconds);
  return best === undefined ? "" : cost(group, best);
}

function cost(group: Group, row: ServerMeasured): string {
  const one = (name: FigureName): string => `${isEven(group, row, name) ? even : ""}${amount(row.medians[name])}`;
  return `${one("firstCpuMicroseconds")} / ${one("replayCpuMicroseconds")}`;
}

const amount = (figure: number): string => Math.round(figure).toLocaleString("en");
