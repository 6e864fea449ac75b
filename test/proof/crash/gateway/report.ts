import { countRows, verdictLines } from "../report.ts";
import type { GatewayCrashResult } from "./run-gateway.ts";

/** The result of a run, for people. */
export function gatewayText(result: GatewayCrashResult): string {
  const { engine, seed, requests, seconds, kills, breaches } = result;
  return [
    `${engine}: ${requests.toLocaleString("en")} keyed operations in ${seconds} s, seed ${seed}`,
    "Processes killed:",
    ...countRows(kills),
    "Critical windows hit:",
    ...countRows(result.windows),
    "Attempts, by their answer:",
    ...countRows({ ...result.attempts, "by HTTP/2": result.http2Attempts }),
    "What became of them:",
    ...countRows(result.orders),
    ...verdictLines(
      { ...result, stories: {} },
      breaches.map(({ invariant, what }) => `${invariant}: ${what}`),
    ),
    "",
  ].join("\n");
}
