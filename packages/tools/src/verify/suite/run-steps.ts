import { randomInt } from "node:crypto";
import type { Probe } from "../probe.ts";
import type { ProbeResponse } from "../probe-response.ts";
import type { TestRequest } from "../test-request.ts";
import { type Grade, makeVerdict, NotApplicable, type Verdict } from "../verdict.ts";
import { changeRequest } from "./change-request.ts";
import { evaluate } from "./evaluate.ts";
import { formatObserved } from "./observed.ts";
import { type JudgementRule, type Step, suite } from "./cases-json.ts";

/** Runs the steps of a case of conformance/cases.json, in their order, up to the verdict. @throws NotApplicable NoResponse */
export async function runSteps(steps: readonly Step[], probe: Probe): Promise<Verdict> {
  const verdict = await new Run(probe).runAll(steps);
  if (verdict === undefined) throw new Error("The steps of this case end without a verdict.");
  return verdict;
}

class Run {
  readonly keys = new Map<string, string>();
  readonly numbers = new Map<string, number>();
  readonly requests = new Map<string, TestRequest>();
  readonly probe: Probe;
  /** Of the last step that sent something: a judgement is about these. */
  responses: readonly ProbeResponse[] = [];
  effects: number | undefined;
  observed = "";

  constructor(probe: Probe) {
    this.probe = probe;
  }

  async runAll(steps: readonly Step[]): Promise<Verdict | undefined> {
    for (const step of steps) {
      const verdict = await this.runStep(step);
      if (verdict !== undefined) return verdict;
    }
    return undefined;
  }

  async runStep(step: Step): Promise<Verdict | undefined> {
    if ("judge" in step) return this.judge(step.judge, step.grades ?? {});
    if ("each" in step) return this.runEach(step.each, step.steps);
    if ("effects" in step) {
      ({ responses: this.responses, effects: this.effects } = await this.tally(step.effects, () =>
        this.sendAll(step.of),
      ));
      return undefined;
    }
    const responses = await this.sendStep(step);
    if (responses !== undefined) this.responses = responses;
    return undefined;
  }

  /** Repeats the steps with each of the numbers under their name. */
  async runEach(each: Readonly<Record<string, readonly number[]>>, steps: readonly Step[]) {
    for (const [name, numbers] of Object.entries(each)) {
      for (const one of numbers) {
        this.numbers.set(name, one);
        const verdict = await this.runAll(steps);
        if (verdict !== undefined) return verdict;
      }
    }
    return undefined;
  }

  tally(kind: "guess" | "exact" | "offered", run: () => Promise<readonly ProbeResponse[]>) {
    const { probe } = this;
    if (kind === "guess") return probe.tally(run);
    if (kind === "exact" || probe.target.effects !== undefined) return probe.count(run);
    return run().then((responses) => ({ responses, effects: undefined }));
  }

  /** The responses of all steps together. */
  async sendAll(steps: readonly Step[]): Promise<readonly ProbeResponse[]> {
    const responses: ProbeResponse[] = [];
    for (const step of steps) responses.push(...((await this.sendStep(step)) ?? []));
    return responses;
  }

  /** The responses of a step that sends; `undefined` for one that does not. */
  async sendStep(step: Step): Promise<readonly ProbeResponse[] | undefined> {
    const { probe } = this;
    if ("send" in step) return this.send(step.send, step.how ?? "in-turn", step.times ?? 1);
    if ("settle" in step) return [await probe.settle(this.request(step.settle))];
    if ("repeat" in step) {
      return this.sendAll(Array.from({ length: step.repeat }, () => step.steps).flat());
    }
    if ("key" in step) {
      this.keys.set(step.key, makeKey(probe.newKey(), step));
    } else if ("request" in step) {
      const request = step.from === undefined ? probe.newOperation() : this.request(step.from);
      this.requests.set(step.request, changeRequest(probe, request, step.change ?? [], this));
    } else if ("pause" in step) await probe.pause(probe.target[step.pause]);
    else if ("restart" in step) await probe.restart();
    else throw new Error(`The suite has a step ${Object.keys(step).join()}, which can't stand here.`);
    return undefined;
  }

  send(names: readonly string[], how: Parameters<Probe["sendAs"]>[0], times: number) {
    const requests = Array.from({ length: times }, () => names.map((name) => this.request(name))).flat();
    if (cutsBodies.has(how) && requests[0]!.body.length < 2) throw new NotApplicable("needs a body");
    return this.probe.sendAs(how, ...requests);
  }

  request(name: string): TestRequest {
    const request = name === "new" ? this.probe.newOperation() : this.requests.get(name);
    if (request === undefined) throw new Error(`The suite has no request ${name} here.`);
    return request;
  }

  judge(judgement: string | readonly JudgementRule[], grades: Readonly<Record<string, Grade | "go-on">>) {
    const facts = {
      target: this.probe.target,
      requests: this.requests,
      responses: this.responses,
      effects: this.effects,
    };
    const rules = typeof judgement === "string" ? suite.judgements[judgement]! : judgement;
    const met = rules.find(({ when }) => when === undefined || evaluate(when, facts) === true);
    if (met === undefined) return undefined;
    if (met.say !== undefined) this.observed = formatObserved(met.say, facts);
    const verdict = met.verdict ?? grades[met.grade!] ?? met.otherwise ?? "fail";
    return verdict === "go-on" ? undefined : makeVerdict(verdict, facts.target.strictness, this.observed);
  }
}

/** The manners of sending that stop in the middle of a body. */
const cutsBodies: ReadonlySet<string> = new Set(["half-then-close", "beside-a-stalled"]);

const dayMs = 86_400_000;

/** A UUID, or a UUIDv7 of the past, or a number. */
function makeKey(key: string, { uuid7DaysAgo, digits }: { uuid7DaysAgo?: number; digits?: number }): string {
  if (digits !== undefined) {
    const others = Array.from({ length: digits - 1 }, () => randomInt(10));
    return [randomInt(1, 10), ...others].join("");
  }
  return uuid7DaysAgo === undefined ? key : agedKey(key, uuid7DaysAgo);
}

/** A UUIDv7 that was made so many days ago. */
function agedKey(key: string, days: number): string {
  const time = (Date.now() - days * dayMs).toString(16).padStart(12, "0");
  return `${time.slice(0, 8)}-${time.slice(8)}-7${key.slice(15)}`;
}
