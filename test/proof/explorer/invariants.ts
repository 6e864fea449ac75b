import type { Outcome } from "../../../packages/once-again/src/engine/engine.ts";
import { isExpired } from "../../../packages/once-again/src/stores/transition.ts";
import type { Configuration } from "./configuration.ts";
import { type InvariantName, invariants } from "../invariants.ts";
import { failure, type World } from "./world.ts";

/** The invariants that a world breaks. */
export function brokenIn(world: World, { requests }: Configuration): InvariantName[] {
  const { effects, record, now, workers, lost } = world;
  const answers = workers.map(({ outcome }) => acknowledged(outcome));
  const final = answers.filter((answer) => answer !== undefined);
  const successes = final.filter((answer) => answer !== failure);
  const answered = requests.filter((_request, index) => answers[index] !== undefined);
  const isForgotten = !lost && (record === undefined || isExpired(record, now));
  const isBroken = {
    "one-effect": effects.by.length > 1,
    "same-answer": new Set(final).size > 1,
    "no-lost-effect": effects.by.length === 0 ? successes.length > 0 : isForgotten,
    "own-answer": new Set(answered).size > 1,
  } as const;
  return names(isBroken);
}

/** The invariants that are broken where nothing can happen any more but a last repeat without faults. */
export function brokenAtTheEnd(world: World, { rules, takeOverAfterMs }: Configuration): InvariantName[] {
  const { record, now, workers, effects, lost } = world;
  const fingerprint = record?.fingerprint ?? "f";
  const repeat = { scope: "s", key: "k", fingerprint, owner: "last", leaseMs: 1, retentionMs: 2, takeOverAfterMs };
  const { answer } = rules.transition(record, { kind: "claim", ...repeat }, now);
  const final = workers.map(({ outcome }) => acknowledged(outcome)).filter((result) => result !== undefined);
  const stored = answer.kind === "done" ? answer.result[0] : undefined;
  const isHanging = workers.some(({ phase }) => phase !== "ended" && phase !== "crashed" && phase !== "absent");
  const isBroken = {
    "same-answer": !lost && final.some((result) => result !== stored),
    "no-lost-effect": !lost && effects.by.length > 0 && answer.kind === "acquired" && !answer.abandoned,
    "every-key-ends": isHanging || answer.kind === "in-progress",
  } as const;
  return names(isBroken);
}

function names(isBroken: Partial<Record<InvariantName, boolean>>): InvariantName[] {
  return (Object.keys(invariants) as InvariantName[]).filter((name) => isBroken[name]);
}

/** The final answer of an outcome. A failure that is not stored is no such answer. */
function acknowledged(outcome: Outcome | undefined): number | undefined {
  return outcome !== undefined && "result" in outcome ? outcome.result[0] : undefined;
}
