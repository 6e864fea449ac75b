import type { StoredStep } from "../../../../packages/once-again/src/engine/steps.ts";
import type { Operation } from "../../../../packages/once-again/src/stores/transition.ts";
import type { Step } from "../step.ts";
import type { StepsConfiguration } from "./configuration.ts";
import { over, type StepsWorker, type StepsWorld, withStepsWorker } from "./world.ts";

export const leaseMs = 1000;
export const retentionMs = 1000 * leaseMs;

/** The answers of the handler: its success, and a refusal. */
export const answers = { done: Uint8Array.of(1), refused: Uint8Array.of(2) } as const;

type WorldStep = Step<StepsWorld>;

/** Everything that one delivery may do next, and everything that may happen to what it asks for. */
export function workerSteps(world: StepsWorld, index: number, configuration: StepsConfiguration): WorldStep[] {
  const worker = world.workers[index]!;
  if (worker.phase === "absent") return claims(world, index, configuration);
  if (worker.phase === "ended") return [];
  const who = `request ${index + 1}`;
  const crash = { say: `the process of ${who} crashes`, next: ended(world, index) };
  const renewal = asked(world, { kind: "renew", ...owned(index), leaseMs }, configuration);
  const renewed = renewal.next.record === world.record ? [] : [{ say: `${who} renews its lease`, next: renewal.next }];
  const own = worker.at < configuration.steps.length ? atStep(world, index, configuration) : [];
  const mayEnd = worker.part === "ahead";
  return [...own, ...(mayEnd ? ends(world, index, configuration) : []), ...renewed, crash];
}

/** A claim: answered; or executed and its answer lost, so that no handler runs under it. */
function claims(world: StepsWorld, index: number, configuration: StepsConfiguration): WorldStep[] {
  const claim = { fingerprint: "f", leaseMs, retentionMs, takeOverAfterMs: 0 } as const;
  const { next, answer } = asked(world, { kind: "claim", ...owned(index), ...claim }, configuration);
  const say = `request ${index + 1} asks for the key`;
  const unheard = { say: `${say}, and its process dies before the answer`, next: ended(next, index) };
  if (typeof answer === "boolean") throw new TypeError("A claim is answered by more than yes or no.");
  if (answer.kind === "done") {
    const first = answer.result[0] === answers.done[0] ? "done" : "refused";
    return [{ say: `${say}, and gets the first response: ${first}`, next: ended(next, index, first) }];
  }
  if (answer.kind !== "acquired") return [{ say: `${say}: ${answer.kind}`, next: ended(next, index) }];
  const { fence, abandoned, checkpoints } = answer;
  const hasStored = Object.keys(checkpoints).length > 0;
  const got = withStepsWorker(next, index, { phase: "working", fence, abandoned, checkpoints, hasStored });
  return [
    { say: `${say}, and gets it${abandoned ? ", after an attempt that was abandoned" : ""}`, next: got },
    unheard,
  ];
}

/** The steps of a delivery that is at a step of its handler. */
function atStep(world: StepsWorld, index: number, configuration: StepsConfiguration): WorldStep[] {
  const worker = world.workers[index]!;
  const { at, part } = worker;
  const kind = configuration.steps[at]!;
  const name = `step ${at + 1}`;
  if (part === "begun") return [effect(world, index, kind)];
  if (part === "done")
    return checkpoint(world, index, { name, value: 1 }, { at: at + 1, part: "ahead" }, configuration);
  const bytes = worker.checkpoints[String(at + 1)];
  const step = bytes && (JSON.parse(new TextDecoder().decode(bytes)) as StoredStep);
  const action = configuration.rules.stepAction(step);
  const who = `request ${index + 1}`;
  if (action === "answer") {
    return [{ say: `${who} finds ${name} stored`, next: withStepsWorker(world, index, { at: at + 1 }) }];
  }
  if (kind === "keyed")
    return [{ say: `${who} begins ${name}`, next: withStepsWorker(world, index, { part: "begun" }) }];
  if (action === "look") return look(world, index, name, configuration);
  return checkpoint(world, index, { name, begun: true }, { part: "begun" }, configuration);
}

/** A keyed service knows its key again. At any other, only the fence of the process that looked keeps an old worker out. */
function effect(world: StepsWorld, index: number, kind: "keyed" | "once"): WorldStep {
  const { at, fence } = world.workers[index]!;
  const before = world.effects[at]!;
  const who = `step ${at + 1} of request ${index + 1}`;
  if (kind === "once" && fence < before.fence) {
    return { say: `${who} is refused by its effect, for its old fence, and fails`, next: ended(world, index) };
  }
  const isKnown = kind === "keyed" && before.times > 0;
  const now = { times: isKnown ? before.times : before.times + 1, fence: Math.max(fence, before.fence) };
  const effects = world.effects.map((other, place) => (place === at ? now : other));
  const say = isKnown ? `THE EFFECT of ${who} is known by its key` : `THE EFFECT of ${who} happens`;
  return { say, next: withStepsWorker({ ...world, effects }, index, { part: "done" }) };
}

/** Looks for the effect of a step that an earlier run began: found, it is stored; else it runs, and older workers don't. */
function look(world: StepsWorld, index: number, name: string, configuration: StepsConfiguration): WorldStep[] {
  const { at, fence } = world.workers[index]!;
  const { times, fence: shown } = world.effects[at]!;
  const fenced = world.effects.map((other, place) => (place === at ? { times, fence: Math.max(fence, shown) } : other));
  const looked = { ...world, effects: fenced };
  if (times > 0) return checkpoint(looked, index, { name, value: 1 }, { at: at + 1, part: "ahead" }, configuration);
  return checkpoint(looked, index, { name, begun: true }, { part: "begun" }, configuration);
}

/** Stores the result of a step: acknowledged, or stored without an answer, or not stored. The last two fail the handler. */
function checkpoint(
  world: StepsWorld,
  index: number,
  step: StoredStep,
  then: Partial<StepsWorker>,
  configuration: StepsConfiguration,
): WorldStep[] {
  const place = String(world.workers[index]!.at + 1);
  const result = new TextEncoder().encode(JSON.stringify(step));
  const { next, answer } = asked(world, { kind: "checkpoint", ...owned(index), step: place, result }, configuration);
  const say = `request ${index + 1} stores ${"begun" in step ? `that ${step.name} begins` : step.name}`;
  if (answer !== true) return [{ say: `${say}, and has lost its key`, next: ended(world, index) }];
  return [
    { say, next: withStepsWorker(next, index, { ...then, hasStored: true }) },
    { say: `${say}; the answer is lost, and its handler fails`, next: ended(next, index) },
    { say: `${say}; the call is lost, and its handler fails`, next: ended(world, index) },
  ];
}

/** The ends of a handler between two steps: it fails, it refuses, or all its steps are done. */
function ends(world: StepsWorld, index: number, configuration: StepsConfiguration): WorldStep[] {
  const isDone = world.workers[index]!.at === configuration.steps.length;
  const failed = settles(world, index, "unknown", "fails", configuration);
  if (isDone) return [...settles(world, index, "done", "has done all", configuration), ...failed];
  return [...settles(world, index, "refused", "refuses", configuration), ...failed];
}

function settles(
  world: StepsWorld,
  index: number,
  effect: "done" | "refused" | "unknown",
  what: string,
  { rules, finishes, ...configuration }: StepsConfiguration,
): WorldStep[] {
  const { abandoned, hasStored } = world.workers[index]!;
  const policy = { hadEffects: abandoned || hasStored, takeOverAfterMs: 0, finishes };
  const settlement = rules.settlementOf(effect, policy);
  const say = `the handler of request ${index + 1} ${what}`;
  const result = effect === "unknown" ? new Uint8Array() : answers[effect];
  const operation: Operation =
    settlement === "complete"
      ? { kind: "complete", ...owned(index), result, retentionMs }
      : settlement === "release"
        ? { kind: "release", ...owned(index) }
        : { kind: "renew", ...owned(index), leaseMs: 0 };
  const { next, answer } = asked(world, operation, { ...configuration, rules, finishes });
  const isStored = settlement === "complete" && answer === true && effect !== "unknown";
  return [
    { say: `${say}: ${settlement}`, next: ended(next, index, isStored ? effect : undefined) },
    { say: `${say}: ${settlement}, and its process dies before the answer`, next: ended(next, index) },
    { say: `${say}, and its process dies`, next: ended(world, index) },
  ];
}

const owned = (index: number) => ({ scope: "s", key: "k", owner: String(index) });

const ended = (world: StepsWorld, index: number, answer?: StepsWorker["answer"]): StepsWorld =>
  withStepsWorker(world, index, over(answer));

function asked(world: StepsWorld, operation: Operation, { rules }: StepsConfiguration) {
  const { record, answer } = rules.transition(world.record, operation, world.now);
  return { next: { ...world, record }, answer };
}
