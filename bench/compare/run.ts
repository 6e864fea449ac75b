import { measureInterleaved } from "../measure.ts";
import type { CompareRow, RowOptions } from "./rows.ts";
import type { Trees } from "./trees.ts";
import { compareRounds, type Comparison } from "./verdict.ts";

/** How the working tree compares to the base in one row. */
export interface RowComparison {
  readonly row: string;
  readonly figures: Readonly<Record<string, Comparison>>;
}

export interface CompareOptions extends RowOptions {
  readonly rounds: number;
  readonly say: (text: string) => void;
}

/** Measures one row with both trees in turn, and with the base's tree in a second process. */
export async function compareRow(row: CompareRow, trees: Trees, options: CompareOptions): Promise<RowComparison> {
  await using stack = new AsyncDisposableStack();
  const subjects = [];
  for (const [name, tree] of [
    ["base", trees.base],
    ["working", trees.working],
    ["again", trees.base],
  ] as const) {
    options.say(`${row.name}: ${name} starts`);
    const subject = stack.use(await row.start(tree, options));
    subjects.push({ name, baseline: name, measure: () => subject.measure() });
  }
  const measured = await measureInterleaved(subjects, options.rounds, (text) => options.say(`${row.name}: ${text}`));
  const [base, working, again] = measured.map(({ rounds }) => rounds);
  if (base === undefined || working === undefined || again === undefined) throw new Error("Nothing was measured.");
  const figures: Record<string, Comparison> = {};
  for (const name of Object.keys(base[0] ?? {})) {
    const of = (rounds: readonly Readonly<Record<string, number>>[]): number[] =>
      rounds.map((round) => round[name] ?? Number.NaN);
    const rounds = { base: of(base), again: of(again), working: of(working) };
    const comparison = compareRounds(rounds, name.endsWith("PerSecond") || name === "perSecond");
    if (comparison !== undefined) figures[name] = comparison;
  }
  return { row: row.name, figures };
}
