import type { WorkResult } from "../../../packages/once-again/src/engine/engine.ts";
import { outcomeOfClaim } from "../../../packages/once-again/src/engine/request-end.ts";
import type { ClaimAnswer } from "../../../packages/once-again/src/stores/store.ts";
import { inspectRecord, type Operation } from "../../../packages/once-again/src/stores/transition.ts";
import { leaseMs, type Configuration } from "./configuration.ts";
import { appliedTo, type Step } from "./step.ts";
import { type Worker, withWorker, type World } from "./world.ts";
import { held, lateSteps, workingSteps } from "./working-steps.ts";

/** Everything that one worker of the leased engine may do next, and everything that may happen to its call. */
export function leasedSteps(world: World, index: number, configuration: Configuration): Step[] {
  const late = world.workers[index]!.worksOn ? lateSteps(world, index, configuration) : [];
  return [...ownSteps(world, index, configuration), ...late];
}

function ownSteps(world: World, index: number, configuration: Configuration): Step[] {
  const worker = world.workers[index]!;
  switch (worker.phase) {
    case "absent":
      return [
        {
          say: `request ${index + 1} arrives and asks for the key`,
          next: withWorker(world, index, { phase: "calling", call: "claim" }),
        },
      ];
    case "calling":
      return [...callSteps(world, index, configuration), crash(world, index)];
    case "working":
      return [...workingSteps(world, index, configuration), crash(world, index)];
    default:
      return [];
  }
}

function crash(world: World, index: number): Step {
  // An answer that its caller got before stays its answer.
  const { outcome } = world.workers[index]!;
  const next = withWorker(world, index, { phase: "crashed", ...(outcome && { outcome }) });
  return { say: `the process of request ${index + 1} crashes`, next };
}

/** The four fates of a call: answered, executed but its answer lost, lost, or given up while still on its way. */
function callSteps(world: World, index: number, configuration: Configuration): Step[] {
  const operation = operationOf(world, index, configuration);
  const who = `the ${nameOf(operation)} of request ${index + 1}`;
  const lost = afterFailure({ say: `${who} fails before it is executed`, next: world }, index);
  if (operation === undefined) {
    const say = `request ${index + 1} looks at the record, and answers by it`;
    return [{ say, next: afterInspect(world, index, configuration) }, ...lost];
  }
  const applied = appliedTo(world, operation, configuration);
  const answered: Step = {
    ...applied,
    say: `${who} is answered: ${answerText(applied.answer)}`,
    next: afterAnswer(applied.next, index, applied.answer, configuration),
  };
  const unheard = afterFailure({ ...applied, say: `${who} is executed, and the answer is lost` }, index);
  if (world.late !== undefined) return [answered, ...unheard, ...lost];
  const onItsWay: World = { ...world, late: { from: index, operation } };
  const late = afterFailure({ say: `${who} is still on its way when its sender gives it up`, next: onItsWay }, index);
  return [answered, ...unheard, ...lost, ...late];
}

/** The operation that a call asks for; `undefined`: it only looks. */
function operationOf(world: World, index: number, configuration: Configuration): Operation | undefined {
  const { call, ended, abandoned = false } = world.workers[index]!;
  const { retentionMs, heldRetentionMs, takeOverAfterMs, rules } = configuration;
  const owned = { scope: "s", key: "k", owner: String(index) };
  switch (call!) {
    case "claim":
      return {
        kind: "claim",
        ...owned,
        fingerprint: configuration.requests[index]!,
        leaseMs,
        retentionMs,
        heldRetentionMs,
        takeOverAfterMs,
      };
    case "inspect":
      return undefined;
    case "take-back":
    case "settle": {
      if (call === "take-back") return { kind: "release", ...owned };
      switch (rules.settlementOf(ended!.effect, { hadEffects: abandoned, takeOverAfterMs })) {
        case "complete":
          return { kind: "complete", ...owned, result: ended!.result, retentionMs };
        case "release":
          return { kind: "release", ...owned };
        case "abandon":
          return { kind: "renew", ...owned, leaseMs: 0 };
        case "expire":
          throw new Error("A lease that runs out is asked for nothing.");
      }
    }
  }
}

function afterAnswer(world: World, index: number, answer: ClaimAnswer | boolean, configuration: Configuration): World {
  const worker = world.workers[index]!;
  const { rules, takeOverAfterMs } = configuration;
  if (typeof answer === "object") {
    if (answer.kind === "acquired") {
      const { fence, abandoned } = answer;
      return withWorker(world, index, held({ phase: "working", fence, abandoned }, world.now, configuration));
    }
    const outcome = rules.isPending(answer, takeOverAfterMs)
      ? ({ kind: "in-progress" } as const)
      : outcomeOfClaim(answer);
    return withWorker(world, index, ended(worker, outcome));
  }
  if (worker.call === "take-back") return withWorker(world, index, ended(worker));
  if (answer) {
    const policy = { hadEffects: worker.abandoned ?? false, takeOverAfterMs };
    return withWorker(
      world,
      index,
      ended(worker, answerOf(rules.outcomeOfOwner(worker.ended!, policy), worker.ended!)),
    );
  }
  return withWorker(world, index, { ...worker, call: "inspect" });
}

/** A failure, or an answer of work without effect, need not be stored; where it is, its replays have it. */
function answerOf(outcome: Worker["outcome"], { effect }: WorkResult): Worker["outcome"] {
  return effect === "done" ? outcome : undefined;
}

function afterInspect(world: World, index: number, { rules, requests }: Configuration): World {
  const worker = world.workers[index]!;
  const { record, now } = world;
  const found = record && inspectRecord({ scope: "s", key: "k" }, record, now);
  const outcome = rules.outcomeOfLoser(found, { fingerprint: requests[index]! }, worker.ended!);
  const own = outcome.kind === "executed" ? answerOf(outcome, worker.ended!) : outcome;
  return withWorker(world, index, ended(worker, own));
}

/**
 * A call that failed is made again, or given up: how often depends on how much time is left, so both may happen. When it
 * is given up, the caller gets a 503, and an unconfirmed claim is taken back.
 */
function afterFailure(failed: Step, index: number): Step[] {
  const worker = failed.next.workers[index]!;
  const next = withWorker(
    failed.next,
    index,
    worker.call === "claim" ? { ...worker, call: "take-back" } : ended(worker),
  );
  return [
    { ...failed, say: `${failed.say}; it is sent again` },
    { ...failed, say: `${failed.say}; that is all`, next },
  ];
}

function ended(before: Worker, outcome: Worker["outcome"] = before.outcome): Worker {
  // A handler without a caller needs its fence and its lease as it knows it, and nothing else.
  const { fence, until, worksOn } = before;
  return { phase: "ended", ...(outcome && { outcome }), ...(worksOn && { fence, until, worksOn }) };
}

function nameOf(operation: Operation | undefined): string {
  return operation?.kind === "renew" ? "abandonment" : (operation?.kind ?? "look");
}

function answerText(answer: ClaimAnswer | boolean): string {
  if (typeof answer === "boolean") return answer ? "done" : "no longer yours";
  if (answer.kind !== "acquired") return answer.kind;
  return answer.abandoned ? `it may take over, attempt ${answer.attempt}` : "it may run";
}
