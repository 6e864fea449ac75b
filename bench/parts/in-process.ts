import { startChild } from "../child.ts";
import type { RulesFigures, RulesName } from "../compare/rules-child.ts";
import { type Figures, measureInterleaved } from "../measure.ts";

/** Each part, and the one that it is added to. */
const partsInProcess: Readonly<Partial<Record<RulesName, RulesName>>> = {
  memory: "memory",
  label: "memory",
  span: "memory",
  metrics: "span",
  outcome: "metrics",
};

/** A part: microseconds of processor time of a first request and of a repeat, and how much of it is the part's. */
interface AddedPart {
  readonly part: string;
  readonly first: number;
  readonly replay: number;
  readonly firstMore?: number;
  readonly replayMore?: number;
}

/** Measures each part without a framework and without connections. */
export async function measureInProcess(
  { rounds, milliseconds }: { readonly rounds: number; readonly milliseconds: number },
  say: (text: string) => void,
): Promise<AddedPart[]> {
  await using stack = new AsyncDisposableStack();
  const subjects = Object.entries(partsInProcess).map(([name, baseline]) => {
    const child = stack.use(startChild(new URL("../compare/rules-child.ts", import.meta.url), []));
    return { name, baseline, measure: () => child.ask<Figures<keyof RulesFigures>>({ name, milliseconds }) };
  });
  const measured = await measureInterleaved(subjects, rounds, say);
  const least = (subject: string, figure: keyof RulesFigures): number => {
    const found = measured.find(({ name }) => name === subject);
    return Math.min(...(found?.rounds ?? []).map((figures) => figures[figure])) / 1000;
  };
  return measured.map(({ name, baseline }) => {
    const [first, replay] = [least(name, "firstNanoseconds"), least(name, "replayNanoseconds")];
    const more = (figure: keyof RulesFigures): number => least(name, figure) - least(baseline, figure);
    return {
      part: name,
      ...{ first, replay },
      ...(name !== baseline && { firstMore: more("firstNanoseconds"), replayMore: more("replayNanoseconds") }),
    };
  });
}
