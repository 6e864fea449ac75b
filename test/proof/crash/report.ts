import type { CrashResult } from "./run-crash.ts";

/** How many breaches are told one by one. */
const toldMax = 10;

const rows = (counts: Readonly<Record<string, number>>): string[] =>
  Object.entries(counts).map(([name, count]) => `  ${count.toLocaleString("en").padStart(8)}  ${name}`);

/** What a run came to, for people. */
export function resultText(result: CrashResult): string {
  const { engine, mode, seed, seconds, breaches, failures, missedWindows, stories } = result;
  const { orders, effects, duplicates, losses, held } = result;
  const told = breaches.slice(0, toldMax);
  return [
    `${engine}, ${mode}: ${seconds} s of faults, seed ${seed}`,
    "Faults survived:",
    ...rows(result.faults),
    "Critical windows hit:",
    ...rows(result.windows),
    "Requests, by the framework that served them:",
    ...rows(result.frameworks),
    "Attempts, by their answer:",
    ...rows(result.attempts),
    "Orders, by how they ended for their caller:",
    ...rows(orders),
    "What became of them:",
    ...rows({ effects, "keys held, for a person to look at": held, duplicates, losses }),
    "",
    ...told.map(({ invariant, what }) => `BROKEN, ${invariant}: ${what}`),
    ...Object.entries(stories).flatMap(([order, lines]) => [`What happened to order ${order}:`, ...lines]),
    ...(breaches.length > toldMax ? [`and ${breaches.length - toldMax} more breaches`] : []),
    ...failures.map((failure) => `FAILED: ${failure}`),
    ...missedWindows.map((window) => `NEVER HIT: ${window}. The run has proven too little.`),
    ...(breaches.length + failures.length === 0 ? ["Every invariant held."] : []),
    "",
  ].join("\n");
}
