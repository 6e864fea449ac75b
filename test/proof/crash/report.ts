import type { CrashResult } from "./run-crash.ts";

/** How many breaches are printed one by one. */
const breachesMax = 10;

/** Counts, one below the other. */
export const countRows = (counts: Readonly<Record<string, number>>): string[] =>
  Object.entries(counts).map(([name, count]) => `  ${count.toLocaleString("en").padStart(8)}  ${name}`);

/** The result of a run, for people. */
export function resultText(result: CrashResult): string {
  const { engine, mode, seed, seconds, orders, effects, duplicates, losses, held } = result;
  return [
    `${engine}, ${mode}: ${seconds} s of faults, seed ${seed}`,
    "Faults survived:",
    ...countRows(result.faults),
    "Critical windows hit:",
    ...countRows(result.windows),
    "Requests, by the framework that served them:",
    ...countRows(result.frameworks),
    "Attempts, by their answer:",
    ...countRows(result.attempts),
    "Orders, by how they ended for their caller:",
    ...countRows(orders),
    "What became of them:",
    ...countRows({ effects, "keys held, for a person to look at": held, duplicates, losses }),
    ...verdictLines(
      result,
      result.breaches.map(({ invariant, what }) => `${invariant}: ${what}`),
    ),
    "",
  ].join("\n");
}

/** How a run ends: what is broken, what failed, what was missed; and whether every invariant held. */
export function verdictLines(
  {
    failures,
    missedWindows,
    skipped = [],
    stories,
  }: Pick<CrashResult, "failures" | "stories"> &
    Partial<Pick<CrashResult, "skipped">> & {
      missedWindows: readonly string[];
    },
  broken: readonly string[],
): string[] {
  return [
    "",
    ...broken.slice(0, breachesMax).map((breach) => `BROKEN, ${breach}`),
    ...Object.entries(stories).flatMap(([name, lines]) => [`What happened to ${name}:`, ...lines]),
    ...(broken.length > breachesMax ? [`and ${broken.length - breachesMax} more breaches`] : []),
    ...skipped.map((fault) => `SKIPPED: ${fault}`),
    ...failures.map((failure) => `FAILED: ${failure}`),
    ...missedWindows.map((window) => `NOT HIT: ${window}`),
    ...(broken.length + failures.length === 0 ? ["Every invariant held."] : []),
  ];
}
