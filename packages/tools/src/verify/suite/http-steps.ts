import { randomInt } from "node:crypto";
import type { Probe } from "../probe.ts";
import type { ProbeResponse } from "../probe-response.ts";
import type { TestRequest } from "../test-request.ts";
import { NotApplicable, type Verdict } from "../verdict.ts";
import { changeRequest } from "./change-request.ts";
import { evaluate } from "./evaluate.ts";
import type { Expression } from "./expressions.ts";
import { formatObserved } from "./observed.ts";
import { runSteps, type RunState, type Step, type SuiteActions } from "./run-steps.ts";
import { type HttpStep, suite } from "./cases-json.ts";

/** Runs the steps of a case of conformance/cases.json. @throws NotApplicable NoResponse */
export const runHttpSteps = (steps: readonly Step<HttpStep>[], probe: Probe): Promise<Verdict> =>
  runSteps(steps, httpActions(probe));

type State = RunState<TestRequest, ProbeResponse>;

function httpActions(probe: Probe): SuiteActions<TestRequest, ProbeResponse, HttpStep> {
  const { target } = probe;
  return {
    strictness: target.strictness,
    judgements: suite.judgements,
    newRequest: () => probe.newOperation(),
    run: (step, state) => runStep(step, state, probe),
    tally(kind, run) {
      if (kind === "guess") return probe.tally(run);
      if (kind === "exact" || target.effects !== undefined) return probe.count(run);
      return run().then((responses) => ({ responses, effects: undefined }));
    },
    evaluate: (expression, state) => evaluate(expression, { ...state, probe }),
    say: (text, state) => formatObserved(text, { ...state, target }),
  };
}

async function runStep(step: HttpStep, state: State, probe: Probe): Promise<readonly ProbeResponse[] | undefined> {
  if ("send" in step) {
    const requests = state.allNamed(step.send, step.times === "memory" ? probe.memory() : step.times);
    const { how = "in-turn" } = step;
    if (cutsBodies.has(how) && requests[0]!.body.length < 2) throw new NotApplicable("needs a body");
    return probe.sendAs(how, ...requests);
  }
  if ("settle" in step) return [await probe.settle(state.named(step.settle))];
  if ("key" in step) state.keys.set(step.key, makeKey(probe.newKey(), step));
  else if ("request" in step) {
    const request = state.named(step.from ?? "new");
    state.requests.set(step.request, changeRequest(probe, request, step.change ?? [], state));
  } else if ("number" in step) setNumber(step, state, probe);
  else if ("pause" in step) await probe.pause(probe.target[step.pause]);
  else if ("restart" in step) await probe.restart();
  else throw new Error(`The suite has a step ${Object.keys(step).join()}, which can't stand here.`);
  return undefined;
}

/** @throws NotApplicable when there is no such number, or one that no header has room for. */
function setNumber({ number: name, is }: { number: string; is: Expression }, state: State, probe: Probe): void {
  const value = Number(evaluate(is, { ...state, probe }));
  if (!Number.isSafeInteger(value) || value > numberMax)
    throw new NotApplicable(`the server states no ${name}, or one too large`);
  state.numbers.set(name, value);
}

/** The largest number of a case. */
const numberMax = 4000;

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
