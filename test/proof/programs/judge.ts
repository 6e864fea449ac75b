import { lateAnswer } from "./app-parts.ts";
import type { NotedRun } from "./diary.ts";
import type { GroundRules, Row } from "./ground.ts";
import type { Program } from "./program.ts";
import type { Heard } from "./send.ts";

/** All that is known of a program when everything has ended. */
export interface Outcome {
  readonly program: Program;
  readonly mode: GroundRules["mode"];
  /** The response to each request, in the order in which they were sent. */
  readonly heard: readonly Heard[];
  readonly runs: readonly NotedRun[];
  readonly rows: readonly Row[];
  /** Uncaught errors: each of them ends a process. */
  readonly uncaught: readonly string[];
}

/** The promises to every program. Each rule returns a problem, if there is one. */
export const rules: Readonly<Record<string, (outcome: Outcome) => string | undefined>> = {
  "nothing-hangs": ({ heard }) => (heard.includes("hang") ? "a request was never answered" : undefined),

  "process-lives": ({ uncaught }) => (uncaught.length > 0 ? uncaught.join("; ") : undefined),

  "one-effect": ({ rows }) => {
    const runs = new Set(rows.map(({ run }) => run));
    const names = rows.map(({ effect }) => effect);
    if (runs.size > 1) return `runs ${[...runs].join(" and ")} had effects`;
    return new Set(names).size < names.length ? "one run had one effect twice" : undefined;
  },

  "same-answer": ({ heard }) => {
    const final = heard.filter((one) => typeof one === "object").filter(isStored);
    const different = new Set(final.map(({ status, text }) => `${status} ${text}`));
    return different.size > 1 ? `repeats got ${[...different].join(" and ")}` : undefined;
  },

  // In a transaction, the promise of an effect speaks the truth: it is there if its run was committed, and only then.
  "acknowledged-effect-stays": (outcome) => {
    if (outcome.mode === "leased") return undefined;
    const run = outcome.runs.find((one) => one.run === committedRun(outcome));
    const lost = run?.effects.filter(
      ({ effect, fate, isTakenBack }) => fate === "resolved" && !isTakenBack && !hasRow(outcome, run.run, effect),
    );
    return lost?.length ? `effects ${namesOf(lost)} were acknowledged, and are not there` : undefined;
  },

  "refused-effect-never-was": (outcome) => {
    if (outcome.mode === "leased") return undefined;
    const there = outcome.runs.flatMap(({ run, effects }) =>
      effects.filter(
        ({ effect, fate, isTakenBack }) => (fate !== "resolved" || isTakenBack) && hasRow(outcome, run, effect),
      ),
    );
    return there.length > 0 ? `effects ${namesOf(there)} were refused, and are there` : undefined;
  },

  "no-effect-without-its-answer": (outcome) => {
    if (outcome.mode === "leased" || outcome.rows.length === 0) return undefined;
    const last = outcome.heard.at(-1);
    if (typeof last !== "object" || last.code === "ONCE_OUTCOME_UNKNOWN") return undefined;
    return last.status < 400 ? undefined : `rows are there, and a repeat is answered ${last.status} ${last.text}`;
  },

  "no-answer-without-its-effect": (outcome) => {
    if (outcome.mode === "leased") return undefined;
    const run = committedRun(outcome);
    const found = outcome.runs.find((one) => one.run === run);
    const awaited = found?.effects.filter(({ fate, isTakenBack }) => fate === "resolved" && !isTakenBack) ?? [];
    return awaited.length > 0 && outcome.rows.length === 0 ? "a success is stored, and nothing was written" : undefined;
  },

  "mounted-twice-is-refused": ({ program, runs, heard }) => {
    if (program.mounts === 1) return undefined;
    // A duplicate that comes while the first one has the key gets "in progress".
    const last = heard.at(-1);
    const isRefused = typeof last === "object" && last.code === "ONCE_MOUNTED_TWICE";
    return runs.length === 0 && isRefused ? undefined : "once-again ran twice for one request, and refused nothing";
  },
};

/** Which rules a program broke, and how. */
export function judge(outcome: Outcome): { rule: string; problem: string }[] {
  return Object.entries(rules).flatMap(([rule, broken]) => {
    const problem = broken(outcome);
    return problem === undefined ? [] : [{ rule, problem }];
  });
}

type Answer = Exclude<Heard, string>;

/** Whether an answer is the stored one, which every repeat has to get. */
const isStored = ({ status, code, text, replayed }: Answer): boolean =>
  replayed || (status < 400 && code === undefined && text !== lateAnswer);

/** The run that had the success which repeats get. */
function committedRun({ heard }: Outcome): number | undefined {
  const stored = heard.findLast((one): one is Answer => typeof one === "object" && one.replayed && one.status < 400);
  return stored?.text.startsWith("{") ? (JSON.parse(stored.text) as { run: number }).run : undefined;
}

const hasRow = ({ rows }: Outcome, run: number, effect: string): boolean =>
  rows.some((row) => row.run === run && row.effect === effect);

const namesOf = (effects: readonly { effect: string }[]): string => effects.map(({ effect }) => effect).join(", ");
