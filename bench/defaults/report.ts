import { formatPercent } from "../../packages/tools/src/console/storms/format.ts";
import { type Candidate, isSafe, judgedWaits } from "./choose.ts";
import type { BudgetFigures, WaitFigures } from "./measure.ts";
import type { ReturnRow } from "./retry-after.ts";

/** The record of a run. The same options give the same bytes. */
export interface DefaultsResults {
  readonly seeds: number;
  readonly timeOutMs: number;
  readonly firstWaitMs: number;
  readonly jitters: readonly Candidate<WaitFigures>[];
  readonly firstWaits: readonly Candidate<WaitFigures>[];
  readonly budgets: readonly Candidate<BudgetFigures>[];
  readonly returns: readonly ReturnRow[];
}

interface Table {
  readonly head: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

const waitHead = ["peak", "while down", "last success", "given up", "one failure"];

/** Jitters, or first waits: what is worst is marked. @param ours the name of the default, which is bold. */
export function waitTable(title: string, candidates: readonly Candidate<WaitFigures>[], ours?: string): Table {
  const judged = judgedWaits(candidates);
  return {
    head: [title, ...waitHead, "score"],
    rows: judged.map(({ name, figures, isBaseline, score, worstIn }) => {
      const cells = {
        peak: figures.peak.toFixed(2),
        load: figures.load.toFixed(2),
        lastSeconds: `${figures.lastSeconds.toFixed(1)} s`,
        givenUp: formatPercent(figures.givenUp),
        failureSeconds: `${figures.failureSeconds.toFixed(2)} s`,
      } satisfies Record<keyof WaitFigures, string>;
      const marked = Object.entries(cells).map(([key, text]) =>
        isBaseline !== true && (worstIn as readonly string[]).includes(key) ? `${text} (worst)` : text,
      );
      return [boldIf(name === ours, name), ...marked, isBaseline === true ? "" : score.toFixed(2)];
    }),
  };
}

export function budgetTable(candidates: readonly Candidate<BudgetFigures>[], ours?: string): Table {
  const withoutRetries = candidates.find(({ isBaseline }) => isBaseline === true)!.figures;
  return {
    head: ["budget", "peak", "while down", "sparse given up", "dense given up", "busy service back"],
    rows: candidates.map((candidate) => {
      const { name, figures } = candidate;
      const late = isSafe(candidate, withoutRetries) ? "" : " (late)";
      const back = `after ${figures.busySeconds?.toFixed(0)} s${late}`;
      return [
        boldIf(name === ours, name),
        figures.peak.toFixed(2),
        figures.load.toFixed(2),
        formatPercent(figures.givenUpSparse),
        formatPercent(figures.givenUpDense),
        figures.busyNever > 0 ? `${figures.busyNever} of 6: never` : back,
      ];
    }),
  };
}

/** How callers that were turned away come back, by the `Retry-After` that they got. Ours is bold. */
export function returnTable(rows: readonly ReturnRow[]): Table {
  const whole = (value: number): string => Math.round(value).toLocaleString("en");
  return {
    head: [
      "callers",
      "`Retry-After`",
      "in 100 ms",
      "in a second",
      "requests while away",
      "peak on return",
      "last success",
    ],
    rows: rows.map(({ callers, retryAfter, figures }) => [
      callers === "retryingFetch" ? "`retryingFetch`" : callers,
      boldIf(retryAfter === "ours", retryAfter),
      whole(figures.in100Ms),
      whole(figures.inSecond),
      figures.whileAway.toFixed(1),
      `${whole(figures.peak)}/s`,
      `${figures.lastSeconds.toFixed(0)} s`,
    ]),
  };
}

const boldIf = (isBold: boolean, name: string): string => (isBold ? `**${name}**` : name);
