import type { BudgetSettings, PolicyOptions } from "../../packages/tools/src/simulator/index.ts";
import type { Candidate } from "./choose.ts";
import { type BudgetFigures, budgetFigures, type WaitFigures, waitFigures } from "./measure.ts";
import type { DefaultsResults } from "./report.ts";
import { returnRows } from "./retry-after.ts";

/** The options of a run. */
export interface Run extends Pick<DefaultsResults, "seeds" | "timeOutMs" | "firstWaitMs"> {
  readonly say: (text: string) => void;
}

const jitters = ["full", "equal", "bounded"] as const;
const firstWaitsMs = [250, 500, 1000, 2000];
const budgets: Readonly<Record<string, BudgetSettings>> = {
  success: { kind: "success" },
  "success, capacity 10": { kind: "success", capacity: 10 },
  "success, capacity 1,000": { kind: "success", capacity: 1000 },
  aws: { kind: "aws" },
  grpc: { kind: "grpc" },
  finagle: { kind: "finagle" },
  none: { kind: "none" },
};

/** Measures all candidates: one thing is varyPolicy at a time, and the others are as the library has them. */
export function measureDefaults({ say, ...run }: Run): DefaultsResults {
  const { firstWaitMs, seeds, timeOutMs: attemptTimeoutMs } = run;
  const wait = (name: string, backoff: NonNullable<PolicyOptions["backoff"]>): Candidate<WaitFigures> => {
    say(name);
    return { name, figures: waitFigures({ attemptTimeoutMs, backoff }, seeds) };
  };
  const budget = (name: string, policy: PolicyOptions): Candidate<BudgetFigures> => {
    say(name);
    return { name, figures: budgetFigures({ attemptTimeoutMs, ...policy }, seeds) };
  };
  say("Retry-After");
  const returns = returnRows(seeds);
  return {
    ...run,
    returns,
    jitters: [
      ...jitters.map((jitter) => wait(jitter, { kind: "exponential", baseMs: firstWaitMs, jitter })),
      wait("decorrelated", { kind: "decorrelated", baseMs: firstWaitMs }),
      { ...wait("no jitter", { kind: "exponential", baseMs: firstWaitMs, jitter: "none" }), isBaseline: true },
    ],
    firstWaits: firstWaitsMs.map((baseMs) => wait(`${baseMs} ms`, { kind: "exponential", baseMs })),
    budgets: [
      ...Object.entries(budgets).map(([name, settings]) => budget(name, { budget: settings })),
      { ...budget("no retries", { attemptsMax: 1 }), isBaseline: true },
    ],
  };
}
