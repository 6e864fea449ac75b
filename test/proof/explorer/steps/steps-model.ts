import type { KeyRecord } from "../../../../packages/once-again/src/stores/store.ts";
import { type InvariantName, invariants } from "../../invariants.ts";
import type { Model } from "../explore.ts";
import type { Step } from "../step.ts";
import type { StepsConfiguration } from "./configuration.ts";
import { answers, workerSteps } from "./worker-steps.ts";
import { startOfSteps, type StepsWorld } from "./world.ts";

/** Deliveries of one key to a handler that has its effects in steps. */
export function stepsModel(configuration: StepsConfiguration, deliveries: number): Model<StepsWorld> {
  return {
    first: startOfSteps(deliveries, configuration.steps.length),
    identity,
    stepsFrom: (world) => [
      ...world.workers.flatMap((_worker, index) => workerSteps(world, index, configuration)),
      ...leaseEnds(world),
    ],
    brokenIn,
    brokenAtTheEnd: () => [],
    end: "nothing more happens",
  };
}

function leaseEnds(world: StepsWorld): Step<StepsWorld>[] {
  const { record, now } = world;
  if (record?.state !== "running" || record.leaseUntil <= now) return [];
  return [{ say: "time passes until the lease is over", next: { ...world, now: record.leaseUntil } }];
}

/** The invariants that a world breaks. */
function brokenIn({ record, effects, workers }: StepsWorld): InvariantName[] {
  const answers = new Set(workers.flatMap((worker) => worker.answer ?? []));
  const happened = effects.filter(({ times }) => times > 0).length;
  const isHalfDone = happened > 0 && happened < effects.length;
  const isBroken: Partial<Record<InvariantName, boolean>> = {
    "one-effect": effects.some(({ times }) => times > 1),
    "same-answer": answers.size > 1,
    "no-lost-effect": answers.has("done") && happened < effects.length,
    "half-way-is-finished": isHalfDone && isRefused(record),
  };
  return (Object.keys(invariants) as InvariantName[]).filter((name) => isBroken[name]);
}

const isRefused = (record: KeyRecord | undefined): boolean =>
  record?.state === "done" && record.result?.[0] === answers.refused[0];

/** Times count by what is over, fences by their rank, deliveries by what they do and not by their number. */
function identity({ now, record, workers, effects }: StepsWorld): string {
  const fences = [record?.fence ?? -1, ...workers.map(({ fence }) => fence), ...effects.map(({ fence }) => fence)];
  const ranks = [...new Set(fences)].sort((one, other) => one - other);
  const rank = (fence: number): number => ranks.indexOf(fence);
  const shown = workers.map((worker, index) => {
    const { phase, abandoned, checkpoints, at, part, hasStored, answer, fence } = worker;
    const isOwner = record?.owner === String(index);
    return JSON.stringify([
      phase,
      rank(fence),
      abandoned,
      Object.entries(checkpoints),
      at,
      part,
      hasStored,
      answer,
      isOwner,
    ]);
  });
  const stored = record && [
    record.state,
    record.attempt > 1,
    rank(record.fence),
    record.leaseUntil > now,
    Object.entries(record.checkpoints).map(([place, bytes]) => [place, new TextDecoder().decode(bytes)]),
    record.result?.[0],
  ];
  return JSON.stringify([stored, shown.sort(), effects.map(({ times, fence }) => [times, rank(fence)])]);
}
