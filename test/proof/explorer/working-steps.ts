import type { Ended } from "../../../src/server/execution.ts";
import { type Configuration, leaseMs } from "./configuration.ts";
import { appliedTo, type Step } from "./step.ts";
import { type Effects, failure, type Worker, withWorker, type World } from "./world.ts";

/** What a handler may do that holds, or once held, the key. It need not heed the signal: its effect may come any time. */
export function workingSteps(world: World, index: number, configuration: Configuration): Step[] {
  const { abandoned, looked, effect } = world.workers[index]!;
  const renewals = renewal(world, index, configuration);
  if (configuration.reconciles && abandoned && !looked) return [look(world, index), ...renewals];
  if (effect === undefined) return [...beforeEffect(world, index, configuration), ...renewals];
  return [...afterEffect(world, index, effect, configuration), ...renewals];
}

function beforeEffect(world: World, index: number, configuration: Configuration): Step[] {
  const result = Uint8Array.of(failure);
  return [
    effect(world, index, configuration),
    settles(world, index, { effect: "none", result }, "says that nothing happened"),
    settles(world, index, { effect: "unknown", result }, "fails before its effect"),
  ];
}

function afterEffect(world: World, index: number, effect: number, { answersEarly }: Configuration): Step[] {
  const done: Ended = { effect: "done", result: Uint8Array.of(effect) };
  const failed: Ended = { effect: "unknown", result: Uint8Array.of(failure) };
  const outcome = { kind: "executed", result: done.result } as const;
  const answered = answersEarly ? withWorker(world, index, { ...world.workers[index]!, outcome }) : world;
  return [settles(answered, index, done, "answers"), settles(world, index, failed, "fails after its effect")];
}

function settles(world: World, index: number, ended: Ended, what: string): Step {
  const worker = world.workers[index]!;
  const next: Worker = { ...worker, phase: "calling", call: "settle", ended };
  return { say: `the handler of request ${index + 1} ${what}`, next: withWorker(world, index, next) };
}

function effect(world: World, index: number, { effect }: Configuration): Step {
  const { effects } = world;
  const worker = world.workers[index]!;
  if (effect === "fenced" && worker.fence! < effects.fence) {
    const refused: Ended = { effect: "unknown", result: Uint8Array.of(failure) };
    return settles(world, index, refused, "asks for its effect, which refuses its old fence, and fails");
  }
  const isKnown = effect === "keyed" && effects.by.length > 0;
  const next: Effects = {
    by: isKnown ? effects.by : [...effects.by, index],
    fence: Math.max(effects.fence, worker.fence!),
  };
  const by = isKnown ? effects.by[0]! : index;
  return {
    say: `THE EFFECT of request ${index + 1} ${isKnown ? "is known by its key, and not repeated" : "happens"}`,
    next: withWorker({ ...world, effects: next }, index, { ...worker, effect: by }),
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
  return next.record === world.record ? [] : [{ say: `request ${index + 1} renews its lease`, next, breaks }];
}
