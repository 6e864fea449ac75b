import type { WorkResult } from "../../../packages/once-again/src/engine/engine.ts";
import { type Configuration, leaseMs } from "./configuration.ts";
import { appliedTo, type Step } from "./step.ts";
import { type Effects, failure, type Worker, withWorker, type World } from "./world.ts";

/** The steps of a handler that holds, or once held, the key. It need not heed the signal: its effect may come any time. */
export function workingSteps(world: World, index: number, configuration: Configuration): Step[] {
  const { abandoned, looked, effect } = world.workers[index]!;
  const renewals = renewal(world, index, configuration);
  if (configuration.reconciles && abandoned && !looked) return [look(world, index), ...renewals];
  if (effect === undefined) return [...beforeEffect(world, index, configuration), ...renewals];
  return [...afterEffect(world, index, effect, configuration), ...renewals];
}

/** The steps of a handler after its operation was answered while it was at work. */
export function lateSteps(world: World, index: number, configuration: Configuration): Step[] {
  const { worksOn: _over, ...worker } = world.workers[index]!;
  const stops = {
    say: `the handler of request ${index + 1} heeds its signal`,
    next: withWorker(world, index, worker),
  };
  const late = effect(world, index, configuration, (next) => withWorker(next, index, worker));
  return [{ ...late, say: `after its answer, ${late.say}` }, stops];
}

function beforeEffect(world: World, index: number, configuration: Configuration): Step[] {
  const result = Uint8Array.of(failure);
  const unknown: WorkResult = { effect: "unknown", result };
  const steps = [
    effect(world, index, configuration),
    settles(world, index, { effect: "none", result }, "says that nothing happened", configuration),
    settles(world, index, unknown, "fails before its effect", configuration),
  ];
  if (!configuration.worksOn) return steps;
  const answered = settles(world, index, unknown, "is at work when other code answers for it", configuration);
  const worker = { ...answered.next.workers[index]!, worksOn: true };
  return [...steps, { ...answered, next: withWorker(answered.next, index, worker) }];
}

function afterEffect(world: World, index: number, effect: number, configuration: Configuration): Step[] {
  const { answersEarly } = configuration;
  const done: WorkResult = { effect: "done", result: Uint8Array.of(effect) };
  const failed: WorkResult = { effect: "unknown", result: Uint8Array.of(failure) };
  const outcome = { kind: "executed", result: done.result } as const;
  const answered = answersEarly ? withWorker(world, index, { ...world.workers[index]!, outcome }) : world;
  return [
    settles(answered, index, done, "answers", configuration),
    settles(world, index, failed, "fails after its effect", configuration),
  ];
}

function settles(world: World, index: number, ended: WorkResult, what: string, configuration: Configuration): Step {
  const { rules, takeOverAfterMs } = configuration;
  const worker = world.workers[index]!;
  const policy = { hadEffects: worker.abandoned ?? false, takeOverAfterMs };
  const isAsked = rules.settlementOf(ended.effect, policy) !== "expire";
  const next: Worker = isAsked ? { ...worker, phase: "calling", call: "settle", ended } : { ...worker, phase: "ended" };
  return { say: `the handler of request ${index + 1} ${what}`, next: withWorker(world, index, next) };
}

/** @param after the steps of a handler without a caller. */
function effect(world: World, index: number, configuration: Configuration, after?: (next: World) => World): Step {
  const { effects } = world;
  const { effect } = configuration;
  const worker = world.workers[index]!;
  if (effect === "fenced" && worker.fence! < effects.fence) {
    const what = "asks for its effect, which refuses its old fence, and fails";
    if (after !== undefined) return { say: `the handler of request ${index + 1} ${what}`, next: after(world) };
    return settles(world, index, { effect: "unknown", result: Uint8Array.of(failure) }, what, configuration);
  }
  const isKnown = effect === "keyed" && effects.by.length > 0;
  const next: Effects = {
    by: isKnown ? effects.by : [...effects.by, index],
    fence: Math.max(effects.fence, worker.fence!),
  };
  const by = isKnown ? effects.by[0]! : index;
  return {
    say: `THE EFFECT of request ${index + 1} ${isKnown ? "is known by its key, and not repeated" : "happens"}`,
    next:
      after?.({ ...world, effects: next }) ?? withWorker({ ...world, effects: next }, index, { ...worker, effect: by }),
  };
}

/** Looks for the effect. A fenced service remembers the fence of who looked, so that no older worker gets through. */
function look(world: World, index: number): Step {
  const worker = world.workers[index]!;
  const effects = { ...world.effects, fence: Math.max(world.effects.fence, worker.fence!) };
  const found = effects.by[0];
  return {
    say: `request ${index + 1} looks for an earlier effect: ${found === undefined ? "not found" : "found"}`,
    next: withWorker({ ...world, effects }, index, {
      ...worker,
      looked: true,
      ...(found === undefined ? undefined : { effect: found }),
    }),
  };
}

function renewal(world: World, index: number, configuration: Configuration): Step[] {
  const operation = { kind: "renew", scope: "s", key: "k", owner: String(index), leaseMs } as const;
  const { next, breaks } = appliedTo(world, operation, configuration);
  if (next.record === world.record) return [];
  const worker = held(world.workers[index]!, world.now, configuration);
  return [{ say: `request ${index + 1} renews its lease`, next: withWorker(next, index, worker), breaks }];
}

/** A worker that was granted a lease, or its renewal, at `now`. */
export function held(worker: Worker, now: number, { worksOn, takeOverAfterMs = 0 }: Configuration): Worker {
  return worksOn && takeOverAfterMs > 0 ? { ...worker, until: now + leaseMs } : worker;
}
