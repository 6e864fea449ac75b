import { execFileSync } from "node:child_process";
import { findBinary } from "../../test/support/servers/binary.ts";
import { nginxBinary } from "../../test/support/servers/nginx.ts";
import type { Ground } from "../ground.ts";
import { type Measured, median } from "../measure.ts";
import { markdownTable } from "../page.ts";
import { goals, straight } from "./catalog.ts";
import type { FigureName } from "./run.ts";

/** The record of a run. */
export interface GatewayResults extends Ground {
  readonly rounds: number;
  readonly milliseconds: number;
  readonly connections: number;
  /** Other work of the machine: its load average when the run ended. */
  readonly load: number;
  readonly measured: readonly Measured<FigureName>[];
}

export function nginxVersion(): string {
  // It prints its version on standard error.
  const printed = execFileSync("sh", ["-c", '"$0" -v 2>&1', findBinary(nginxBinary)!], { encoding: "utf8" });
  return /nginx\/(\S+)/.exec(printed)?.[1] ?? "unknown";
}

/** A row for each proxy. */
export function gatewayTable({ measured }: GatewayResults): string {
  const head = ["", "requests/s", "of nginx", "µs of the proxy", "of nginx", "p50, ms", "added, ms"];
  const cells = measured.map((row) => {
    const hasProxy = row.name !== straight;
    return [
      row.name,
      Math.round(row.medians.perSecond).toLocaleString("en"),
      ratio(row, "perSecond"),
      hasProxy ? row.medians.cpuMicroseconds.toFixed(0) : "",
      hasProxy ? ratio(row, "cpuMicroseconds") : "",
      row.medians.p50Ms.toFixed(2),
      hasProxy ? addedMs(row, measured).toFixed(2) : "",
    ];
  });
  return markdownTable(head, cells);
}

function ratio({ ratios, ratioRanges }: Measured<FigureName>, figure: FigureName): string {
  const [low, high] = ratioRanges[figure];
  return `${ratios[figure].toFixed(2)} (${low.toFixed(2)}-${high.toFixed(2)})`;
}

/** The time that a proxy adds to the service's own median, round by round, milliseconds. */
function addedMs({ rounds }: Measured<FigureName>, measured: readonly Measured<FigureName>[]): number {
  const service = measured.find(({ name }) => name === straight)!.rounds;
  return median(rounds.map(({ p50Ms }, round) => p50Ms - service[round]!.p50Ms));
}

/** Which goals beside nginx are met. */
export function gatewayGoals({ measured }: GatewayResults): string {
  const line = (isMet: boolean, text: string): string => `- ${isMet ? "Met" : "**Missed**"}: ${text}.`;
  const lines = goals.flatMap(({ row: name, ratioMin, addedMsMax }) => {
    const row = measured.find((one) => one.name === name);
    if (row === undefined) return [];
    return [
      line(row.ratios.perSecond >= ratioMin, `${name}: at least ${ratioMin} of nginx's requests a second`),
      line(addedMs(row, measured) <= addedMsMax, `${name}: at most ${addedMsMax} ms added to the median`),
    ];
  });
  return lines.join("\n");
}
