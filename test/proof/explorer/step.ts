import { type AnswerTo, isExpired, type Operation } from "../../../packages/once-again/src/stores/transition.ts";
import type { Configuration } from "./configuration.ts";
import type { InvariantName } from "../invariants.ts";
import type { World } from "./world.ts";

/** One thing that may happen next. */
export interface Step<State = World> {
  /** In plain words. */
  readonly say: string;
  readonly next: State;
  /** The invariant that it breaks by itself, whatever world it leads to. */
  readonly breaks?: InvariantName | undefined;
}

/** The world after an operation of the port was executed, and its answer. */
export function appliedTo(
  world: World,
  operation: Operation,
  { rules }: Configuration,
): { next: World; answer: AnswerTo<Operation>; breaks: InvariantName | undefined } {
  const before = world.record !== undefined && isExpired(world.record, world.now) ? undefined : world.record;
  const { record, answer } = rules.transition(before, operation, world.now);
  const isLate = operation.kind !== "claim" && operation.kind !== "resolve" && before?.owner !== operation.owner;
  const breaks = isLate && record !== before ? ("late-owner-changes-nothing" as const) : undefined;
  return { next: { ...world, record }, answer, breaks };
}
