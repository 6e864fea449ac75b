import { type Grade, makeVerdict, type Strictness, type Verdict } from "../verdict.ts";
import type { Evaluate, Expression, Facts } from "./expressions.ts";

/** One line of a judgement. The first line with a condition that is met decides. */
export interface JudgementRule {
  /** Missing: always met. */
  readonly when?: Expression;
  /** A verdict, or `go-on`: the next step follows. */
  readonly verdict?: Grade | "go-on";
  /** In the place of a verdict: the name of the grade for which the case has the verdict. */
  readonly grade?: string;
  /** The verdict for the grade when the case has none. Default `fail`. */
  readonly otherwise?: Grade;
  /** The report, with `{effects}`, `{response 0}` and so on filled in. */
  readonly say?: string;
}

/** The steps that every suite has, and `Own` ones. Names stand for requests. */
export type Step<Own> =
  | Own
  | { readonly effects: "guess" | "exact" | "offered"; readonly of: readonly Step<Own>[] }
  | { readonly repeat: number; readonly steps: readonly Step<Own>[] }
  | { readonly each: Readonly<Record<string, readonly number[]>>; readonly steps: readonly Step<Own>[] }
  | {
      readonly judge: string | readonly JudgementRule[];
      readonly grades?: Readonly<Record<string, Grade | "go-on">>;
    };

/** The names and values of a case so far. A step of the suite's own changes them. */
export interface RunState<Request, Response> extends Facts<Request, Response> {
  readonly keys: Map<string, string>;
  readonly numbers: Map<string, number>;
  readonly requests: Map<string, Request>;
  /** The request of a name; `new` is another one each time. */
  readonly named: (name: string) => Request;
  /** The requests of these names, the whole list so many times. */
  readonly allNamed: (names: readonly string[], times?: number) => Request[];
}

/** The parts of a suite that depend on the protocol: its requests, responses and steps. */
export interface SuiteActions<Request, Response, Own> {
  readonly strictness: Strictness;
  readonly judgements: Readonly<Record<string, readonly JudgementRule[]>>;
  /** @throws NotApplicable */
  readonly newRequest: () => Request;
  /** The responses of a step; `undefined` for one that brings none. @throws NotApplicable NoResponse */
  run(step: Own, state: RunState<Request, Response>): Promise<readonly Response[] | undefined>;
  /** Counts the effects meanwhile. */
  tally(
    kind: "guess" | "exact" | "offered",
    run: () => Promise<readonly Response[]>,
  ): Promise<{ readonly responses: readonly Response[]; readonly effects: number | undefined }>;
  evaluate: Evaluate<RunState<Request, Response>>;
  /** The report of a rule, filled in. */
  say(text: string, state: RunState<Request, Response>): string;
}

/** Runs the steps of a case in their order, up to the verdict. @throws NotApplicable NoResponse */
export async function runSteps<Request, Response, Own extends object>(
  steps: readonly Step<Own>[],
  actions: SuiteActions<Request, Response, Own>,
): Promise<Verdict> {
  const verdict = await new Run(actions).runAll(steps);
  if (verdict === undefined) throw new Error("The steps of this case end without a verdict.");
  return verdict;
}

class Run<Request, Response, Own extends object> implements RunState<Request, Response> {
  readonly keys = new Map<string, string>();
  readonly numbers = new Map<string, number>();
  readonly requests = new Map<string, Request>();
  readonly actions: SuiteActions<Request, Response, Own>;
  /** Of the last step that sent something: a judgement is about these. */
  responses: readonly Response[] = [];
  effects: number | undefined;
  observed = "";

  constructor(actions: SuiteActions<Request, Response, Own>) {
    this.actions = actions;
  }

  readonly named = (name: string): Request => {
    const request = name === "new" ? this.actions.newRequest() : this.requests.get(name);
    if (request === undefined) throw new Error(`The suite has no request ${name} here.`);
    return request;
  };

  readonly allNamed = (names: readonly string[], times = 1): Request[] =>
    Array.from({ length: times }, () => names.map(this.named)).flat();

  async runAll(steps: readonly Step<Own>[]): Promise<Verdict | undefined> {
    for (const step of steps) {
      const verdict = await this.runStep(step);
      if (verdict !== undefined) return verdict;
    }
    return undefined;
  }

  async runStep(step: Step<Own>): Promise<Verdict | undefined> {
    if ("judge" in step) return this.judge(step.judge, step.grades ?? {});
    if ("each" in step) return this.runEach(step.each, step.steps);
    if ("effects" in step) {
      ({ responses: this.responses, effects: this.effects } = await this.actions.tally(step.effects, () =>
        this.sendAll(step.of),
      ));
      return undefined;
    }
    this.responses = (await this.sendStep(step)) ?? this.responses;
    return undefined;
  }

  /** Repeats the steps with each of the numbers under their name. */
  async runEach(each: Readonly<Record<string, readonly number[]>>, steps: readonly Step<Own>[]) {
    for (const [name, numbers] of Object.entries(each)) {
      for (const one of numbers) {
        this.numbers.set(name, one);
        const verdict = await this.runAll(steps);
        if (verdict !== undefined) return verdict;
      }
    }
    return undefined;
  }

  /** The responses of all steps together. */
  async sendAll(steps: readonly Step<Own>[]): Promise<readonly Response[]> {
    const responses: Response[] = [];
    for (const step of steps) responses.push(...((await this.sendStep(step)) ?? []));
    return responses;
  }

  /** The responses of a step that sends; `undefined` for one that does not. */
  async sendStep(step: Step<Own>): Promise<readonly Response[] | undefined> {
    if ("repeat" in step) return this.sendAll(Array.from({ length: step.repeat }, () => step.steps).flat());
    return this.actions.run(step as Own, this);
  }

  judge(judgement: string | readonly JudgementRule[], grades: Readonly<Record<string, Grade | "go-on">>) {
    const { actions } = this;
    const rules = typeof judgement === "string" ? actions.judgements[judgement]! : judgement;
    const met = rules.find(({ when }) => when === undefined || actions.evaluate(when, this) === true);
    if (met === undefined) return undefined;
    if (met.say !== undefined) this.observed = actions.say(met.say, this);
    const verdict = met.verdict ?? grades[met.grade!] ?? met.otherwise ?? "fail";
    return verdict === "go-on" ? undefined : makeVerdict(verdict, actions.strictness, this.observed);
  }
}

/** Fills `{{k}}`, the key of that name, and `{{k:8}}`, its first 8 characters. */
export const fillInKeys = (text: string, { keys }: { readonly keys: ReadonlyMap<string, string> }): string =>
  text.replaceAll(/\{\{(\w+)(?::(\d+))?\}\}/g, (_, name: string, length?: string) =>
    keys.get(name)!.slice(0, length === undefined ? undefined : Number(length)),
  );
